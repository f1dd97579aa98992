// The annotated file where the browser lets the person choose a place: a file of the browser's own storage stands for it, and a
// function of ours for the dialog.
import { createHash } from "node:crypto";
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { analyse, download, headline, onDisk, scoreByProgram, someFlows, start, text } from "../journeys.ts";

const NAME = "flows.oddflow.csv";

/** The dialog is answered with a new file of the suggested name, or fails in the way that is asked for. */
async function answerDialog(page: Page, fails?: string) {
  await page.evaluate((fails) => {
    Object.assign(window, {
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) => {
        if (fails) throw new DOMException("as the test wants it", fails);
        return (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
      },
    });
  }, fails);
}

/** The files of the browser's own storage, and what is in them. One that is removed while they are read is none. */
function stored(page: Page): Promise<Record<string, string>> {
  return page.evaluate(async () => {
    const files: Record<string, string> = {};
    for await (const handle of (await navigator.storage.getDirectory() as any).values()) {
      try {
        files[handle.name] = await (await handle.getFile()).text();
      } catch (error) {
        if (!["NotFoundError", "NotReadableError"].includes((error as DOMException).name)) throw error;
      }
    }
    return files;
  });
}

const press = (page: Page) => page.getByRole("button", { name: "Download annotated CSV" }).click();

test("a chosen file gets the very bytes of a download", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const downloaded = (await download(page)).toString();
  await answerDialog(page);
  await press(page);
  await expect(page.getByText("The annotated file is written where you chose")).toBeVisible();
  expect(await stored(page)).toEqual({ [NAME]: downloaded });
  expect(downloaded).toBe(scoreByProgram(onDisk("flows.csv", someFlows())).toString());
});

test("a large file is written in batches, and is the same as a download", async ({ page }) => {
  test.slow();
  await start(page);
  const [head, ...rows] = someFlows().trimEnd().split("\n");
  const long = rows.map((row) => `${row} ${"x".repeat(150)}\n`).join("");
  await analyse(page, onDisk("many.csv", `${head}\n${long.repeat(1200)}`));
  const downloaded = await download(page);
  // More than may be on its way at a time.
  expect(downloaded.length).toBeGreaterThan(70e6);
  await answerDialog(page);
  await press(page);
  await expect(page.getByText("The annotated file is written where you chose")).toBeVisible();
  const digest = await page.evaluate(async () => {
    const file = await (await navigator.storage.getDirectory()).getFileHandle("many.oddflow.csv");
    const bytes = await (await file.getFile()).arrayBuffer();
    return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((x) => x.toString(16).padStart(2, "0")).join("");
  });
  expect(digest).toBe(createHash("sha256").update(downloaded).digest("hex"));
});

test("a dialog that is closed does nothing, a place that may not be written to is told", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await answerDialog(page, "AbortError");
  await press(page);
  await answerDialog(page, "NotAllowedError");
  await press(page);
  await expect(page.getByRole("alert")).toHaveCount(1);
  await expect(page.getByRole("alert")).toContainText("The browser was not allowed to write the annotated file there");
  expect(await stored(page)).toEqual({});
  await expect(headline(page)).toBeVisible();
});

test("a file that is no longer there cannot be written, and is said so", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await page.evaluate(() => {
    Object.assign(window, {
      showSaveFilePicker: async () => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("gone", { create: true });
        const file = await folder.getFileHandle("flows.csv", { create: true });
        await (await navigator.storage.getDirectory()).removeEntry("gone", { recursive: true });
        return file;
      },
    });
  });
  await press(page);
  await expect(page.getByRole("alert")).toContainText("could not be written");
  expect(await stored(page)).toEqual({});
});

test("a cancelled export leaves no file", async ({ page }) => {
  test.slow();
  await start(page);
  await analyse(page, text("flows.csv", someFlows().repeat(2000).replaceAll("\nsrc_ip,proto,bytes,packets,info", "")));
  await answerDialog(page);
  await press(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("progressbar")).toHaveCount(0);
  await expect.poll(() => stored(page)).toEqual({});
  await expect(headline(page)).toBeVisible();
});
