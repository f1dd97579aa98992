// The same in browsers that are not Chromium, where they are installed: a file in, the answer, the annotated file out.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "../fixtures.ts";
import { madeUp, onDisk, scoreByProgram } from "../journeys.ts";
import { otherBrowsers } from "../other-browsers.ts";

// Several pieces of what the browser keeps of a file that was decoded.
const flows = () => madeUp("nsl-kdd", 200_000);
const files: Record<string, () => string> = {
  // Of several megabytes, which Firefox once lost where workers share the writing.
  "a table": () => onDisk("flows.csv", flows()),
  // Which is not read from the disk, and which Firefox once never came to the end of.
  "a gzipped table": () => onDisk("flows.csv.gz", gzipSync(flows())),
};

for (const [name, begin] of Object.entries(otherBrowsers())) {
  for (const [what, make] of Object.entries(files)) {
    test(`${name} says the same of ${what} as the program, and writes the same bytes`, async ({ baseURL }, { outputDir }) => {
      test.skip(begin === undefined, `${name} is not installed`);
      const file = make();
      const browser = await begin!(outputDir);
      try {
        await browser.open(`${baseURL}?workers=3`);
        await browser.give(file);
        const headline = () => browser.ask("document.querySelector('h1')?.innerText");
        await expect.poll(headline, { timeout: 60_000 }).toMatch(/^[\d,]+ of 200,000 flows are odd/);
        await browser.ask("[...document.querySelectorAll('button')].find((button) => button.innerText === 'Download annotated CSV').click()");
        const expected = scoreByProgram(file);
        const written = () => readdirSync(browser.downloads).filter((name) => name.endsWith(".csv"));
        await expect.poll(() => written().map((name) => readFileSync(join(browser.downloads, name)).equals(expected))).toEqual([true]);
      } finally {
        await browser.close();
      }
    });
  }
}
