"""Used by `shout`, imported when it runs."""


def loud(text, marks):
    return text.upper() + "!" * marks
