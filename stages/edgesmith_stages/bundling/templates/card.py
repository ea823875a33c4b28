"""The model card, in Markdown."""

TEMPLATE = r"""# {{ name | literal }}

{% if description %}
{{ description | literal }}

{% endif %}
| | |
| --- | --- |
| file | {{ contents.model.file | literal }} ({{ contents.model.format }}) |
| size | {{ "{:,}".format(contents.model.bytes) }} bytes |
| input | {{ crop.height }} x {{ crop.width }} pixels, {{ contents.image.color }}; `preprocess.json` says all |
| output | {{ contents.output.meaning }} of {{ contents.output.classes | length }} classes, listed in `labels.txt` |
{% for key, value in said.items() %}
| {{ key }} | {{ value | literal }} |
{% endfor %}

## Classes

{% for label in contents.output.classes[:20] %}
{{ loop.index0 }}. {{ label | literal }}
{% endfor %}
{% if contents.output.classes | length > 20 %}

... and {{ contents.output.classes | length - 20 }} more, in `labels.txt`.
{% endif %}

## Measured

Against the model that it was made from, on {{ golden_images }} of the images in `golden/`, by {{ runtime | literal }}:
SQNR {{ "%.1f" | format(parity.sqnr_db) }} dB, top-1 agreement {{ "%.3f" | format(parity.agreement) }}.
{% for one in measured %}

{% for key, value in one.setting.items() %}
- {{ key | literal }}: {{ value | literal }}
{% endfor %}

| figure | value |
| --- | --- |
{% for key, value in one.figures.items() %}
| {{ key | literal }} | {{ value | literal }} |
{% endfor %}
{% else %}

Accuracy on a data set and latency were not measured for this card.
{% endfor %}

## Check

`python check.py` replays the golden pair. It fails where the output of an image is off by more than
{{ contents.golden.tolerance }} of its largest value. Mistakes that it notices: {{ caught | join(", ") or "none" }}.
{% if missed %}
It does not notice inputs that are {{ missed | join(", ") }}: the answers to these images hardly change.
{% endif %}

## Lineage

{% for key, value in lineage %}
- {{ key }}: `{{ value }}`
{% else %}
Not known: the bundle was made outside of a pipeline.
{% endfor %}
"""
