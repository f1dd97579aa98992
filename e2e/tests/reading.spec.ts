// How the bytes of a file come: by streams of the browser's, several chunks at a time.
import { truncateSync } from "node:fs";
import { expect, test } from "../fixtures.ts";
import { analyse, download, give, onDisk, scoreByProgram, someFlows, start, text } from "../journeys.ts";

/** So many megabytes at least, of the same flows again and again. */
function manyFlows(megabytes: number): string {
  const [header, ...flows] = someFlows().trimEnd().split("\n");
  const once = `${flows.join("\n")}\n`;
  return `${header}\n${once.repeat(Math.ceil((megabytes * 2 ** 20) / once.length))}`;
}

test("where a browser cannot fill memory of ours, its own is read", async ({ page }) => {
  await page.route(/worker_loader\.js$/, async (route) => {
    const response = await route.fetch();
    const without = "delete self.ReadableStreamBYOBReader;\n";
    await route.fulfill({ response, body: without + (await response.text()) });
  });
  await start(page);
  const file = onDisk("flows.csv", manyFlows(10));
  await analyse(page, file);
  expect((await download(page)).equals(scoreByProgram(file))).toBe(true);
});

test("a file that is cut short while it is read is said so, and another can be given", async ({ page }) => {
  await start(page);
  const file = onDisk("flows.csv", manyFlows(60));
  await give(page, file);
  truncateSync(file, 10 * 2 ** 20);
  await expect(page.getByRole("alert")).toContainText("The file can no longer be read; it may have been changed or moved");
  await analyse(page, text("flows.csv", someFlows()));
  await expect(page.getByRole("alert")).toBeEmpty();
});
