#!/usr/bin/env python3
"""Looks at the built manual as a reader would, in a headless Chromium.

    check_pages.py FOLDER

Demands of every page: no link to a page or heading that is not there, no page wider than a window of 360 or of 1,280 pixels, and
words for every picture. Screenshots go to FOLDER/../screenshots.
"""

import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

folder = Path(sys.argv[1]).resolve()
faults = []


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.images = [], set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.update(values[name] for name in ("id", "name") if values.get(name))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img":
            self.images.append((values.get("src"), values.get("alt")))


pages = {path: Page(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts}
for path, page in pages.items():
    name = path.relative_to(folder)
    for link in page.links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            faults.append(f"{name}: link to {link}, which is not there")
        elif parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
            faults.append(f"{name}: link to {link}, which has no such heading")
    faults += [f"{name}: picture {source} has no words" for source, words in page.images if not words]

options = Options()
for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1"):
    options.add_argument(argument)
browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
shots = folder.parent / "screenshots"
shots.mkdir(exist_ok=True)
try:
    for width in (360, 1280):
        # A window cannot be narrower than 500 pixels; a device can.
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        for path in pages:
            browser.get(path.as_uri())
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            if wide > width:
                faults.append(f"{path.relative_to(folder)}: {wide} pixels wide in a window of {width}")
            browser.save_screenshot(
                str(shots / f"{'-'.join(path.relative_to(folder).with_suffix('').parts)}-{width}.png")
            )
finally:
    browser.quit()

print("\n".join(faults) if faults else f"{len(pages)} pages: no fault")
sys.exit(bool(faults))
