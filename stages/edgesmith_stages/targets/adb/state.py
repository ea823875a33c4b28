"""What an Android device tells of itself: what it is, and how it fares."""

from __future__ import annotations

import re
from typing import Any

from edgesmith_stages.targets.adb.client import Device

THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's thermal status (`PowerManager.THERMAL_STATUS_*`); from `moderate` on the system throttles noticeably."""

_PROPERTY = re.compile(r"^\[([^]]+)\]: \[(.*)\]$", re.MULTILINE)
_NAMED = {
    "maker": ("ro.product.manufacturer",),
    "model": ("ro.product.model",),
    "soc": ("ro.soc.model", "ro.board.platform", "ro.hardware"),
    "abi": ("ro.product.cpu.abi",),
    "build": ("ro.build.fingerprint",),
}
_TEMPERATURE = re.compile(r"Temperature\{mValue=(-?[0-9.]+), mType=-?[0-9]+, mName=([^,]+), mStatus=[0-9]+\}")
_GOVERNORS = "cat /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor 2>/dev/null"


def identity(device: Device) -> dict[str, Any]:
    """Return maker, model, processor, its cores and ABI, and the system's build; not the serial number."""
    known = dict(_PROPERTY.findall(device.run("getprop").text))
    told: dict[str, Any] = {}
    for name, properties in _NAMED.items():
        value = next((known[one].strip() for one in properties if known.get(one, "").strip()), None)
        if value is not None:
            told[name] = value
    cores = device.run("grep", "-c", "^processor", "/proc/cpuinfo").text.strip()
    return {**told, "cores": int(cores)} if cores.isdigit() and int(cores) else told


def condition(device: Device) -> dict[str, Any]:
    """Return thermal status, temperatures (degrees Celsius), battery and governors: those that the device tells."""
    told: dict[str, Any] = {}
    thermal = device.run("dumpsys", "thermalservice").text
    status = re.search(r"Thermal Status: ([0-9]+)", thermal)
    if status:
        number = int(status.group(1))
        told["thermal"] = THERMAL[number] if number < len(THERMAL) else f"status {number}"
    current = thermal.partition("Current temperatures from HAL:")[2] or thermal
    temperatures = {name: float(value) for value, name in _TEMPERATURE.findall(current)}
    if temperatures:
        told["temperatures"] = dict(sorted(temperatures.items()))
    told |= _battery(device.run("dumpsys", "battery").text)
    # The pattern is for the device's shell; nothing of ours is in it.
    governors = sorted(set(device.run("sh", "-c", _GOVERNORS).text.split()))
    return {**told, "governors": governors} if governors else told


def _battery(text: str) -> dict[str, Any]:
    level = re.search(r"^ *level: ([0-9]+)", text, re.MULTILINE)
    if not level:
        return {}
    powered = re.findall(r"^ *(\w+) powered: true", text, re.MULTILINE)
    told: dict[str, Any] = {
        "battery_percent": int(level.group(1)),
        "powered_by": sorted(one.lower() for one in powered),
    }
    tenths = re.search(r"^ *temperature: (-?[0-9]+)", text, re.MULTILINE)
    return told | ({"battery_celsius": int(tenths.group(1)) / 10} if tenths else {})


def throttled(before: dict[str, Any], after: dict[str, Any]) -> bool | None:
    """Tell whether the thermal status rose, or is such that the system throttles; None where it isn't told."""
    ended, begun = after.get("thermal"), before.get("thermal", "none")
    if ended not in THERMAL or begun not in THERMAL:
        return None
    return THERMAL.index(ended) >= min(THERMAL.index("moderate"), THERMAL.index(begun) + 1)
