"""Prefect's active profile: there, the plug-in of `prefect_names` is switched on."""

from __future__ import annotations

from collections.abc import Callable

from prefect.context import get_settings_context
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings, update_current_profile

PLUGIN = "edgesmith"
"""Its name among Prefect's plug-ins."""


def enable_names(tell: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Let `prefect deployment run NAME` find names without a slash, by our plug-in; leave what users have set.

    Plug-ins are off in Prefect by default: then ours, and no other, is switched on. Where somebody allows some
    plug-ins, ours is added to them; where somebody has switched them all off, or denies ours, that holds.

    Args:
        tell: is told that the profile was changed.
        warn: is told that it could not be.
    """
    plugins = get_current_settings().plugins
    allowed = plugins.allow or set()
    switched_off = not plugins.enabled and "enabled" in plugins.model_fields_set
    works = plugins.enabled and (not allowed or PLUGIN in allowed)
    if works or switched_off or PLUGIN in (plugins.deny or ()):
        return
    wanted = ",".join(sorted({*allowed, PLUGIN}))
    profile = get_settings_context().profile
    failed = "deployments need their names in full, FLOW/DEPLOYMENT"
    if allowed and "PREFECT_PLUGINS_ALLOW" not in {setting.name for setting in profile.settings}:
        # The environment or a file has it, and goes before the profile.
        warn(f"{failed}: set PREFECT_PLUGINS_ALLOW={wanted} where it is set now")
        return
    try:
        update_current_profile({"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_PLUGINS_ALLOW": wanted})
    except (OSError, PrefectException) as error:
        warn(f"{failed}: Prefect's profile {profile.name!r} can't be written: {error}")
        return
    tell(f"Prefect's profile {profile.name!r} loads the plug-in `{PLUGIN}` now, which finds deployments by name alone")
