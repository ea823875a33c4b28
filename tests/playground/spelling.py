"""Used by `write`, imported when it runs."""


def spelled(text):
    return text
