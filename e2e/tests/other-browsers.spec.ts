// The same in browsers that are not Chromium, where they are installed: a file in, the answer, the annotated file out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "../fixtures.ts";
import { likePack, scoreByProgram } from "../journeys.ts";
import { otherBrowsers } from "../other-browsers.ts";

for (const [name, begin] of Object.entries(otherBrowsers())) {
  test(`${name} says the same as the program, and writes the same bytes`, async ({ baseURL }, { outputDir }) => {
    test.skip(begin === undefined, `${name} is not installed`);
    // More than a megabyte, which Firefox once lost where workers share the writing.
    const file = likePack("nsl-kdd", 20_000);
    const browser = await begin!(outputDir);
    try {
      await browser.open(`${baseURL}?workers=2`);
      await browser.give(file);
      const headline = () => browser.ask("document.querySelector('h1')?.innerText");
      await expect.poll(headline, { timeout: 60_000 }).toMatch(/^[\d,]+ of 20,000 flows are odd/);
      await browser.ask("[...document.querySelectorAll('button')].find((button) => button.innerText === 'Download annotated CSV').click()");
      const expected = scoreByProgram(file);
      const written = join(browser.downloads, "nsl-kdd-20000.oddflow.csv");
      await expect.poll(() => existsSync(written) && readFileSync(written).equals(expected)).toBe(true);
    } finally {
      await browser.close();
    }
  });
}
