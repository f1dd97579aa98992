// A person's way through the page, on small files of our own.
import { expect, test } from "../fixtures.ts";
import {
  aFlood,
  analyse,
  aQuietDay,
  counts,
  download,
  filter,
  give,
  headline,
  labels,
  leads,
  onDisk,
  panel,
  records,
  scoreByProgram,
  someFlows,
  start,
  text,
} from "../journeys.ts";

test("a dropped file is scored, and its odd record comes first", async ({ page }) => {
  await start(page);
  const transfer = await page.evaluateHandle((content) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([content], "flows.csv", { type: "text/csv" }));
    return transfer;
  }, someFlows());
  await page.getByRole("button", { name: "Choose a file" }).dispatchEvent("drop", { dataTransfer: transfer });
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).all).toBe(301);
  const first = page.getByRole("grid", { name: "Records" }).getByRole("row").nth(1);
  await expect(first).toContainText("the odd one");
});

test("pasted text is scored", async ({ page }) => {
  await start(page);
  await page.getByRole("button", { name: "Paste text" }).click();
  await page.getByLabel("Lines of a flow log").fill(someFlows());
  await page.getByRole("button", { name: "Analyse this text" }).click();
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).all).toBe(301);
});

test("the sample shows what labels say, and they follow the threshold", async ({ page }) => {
  await start(page);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await expect(headline(page)).toBeVisible();
  const { odd, all } = await counts(page);
  expect(all).toBe(20_000);
  expect(odd).toBeGreaterThan(0);
  const judged = await labels(page);
  await expect(judged).toContainText("ROC AUC");
  const before = await judged.innerText();

  await panel(page, "Threshold");
  const threshold = page.getByRole("slider", { name: "Threshold" });
  await threshold.focus();
  for (let i = 0; i < 5; i++) await threshold.press("PageDown");
  expect((await counts(page)).odd).toBeGreaterThan(odd);
  expect(await (await labels(page)).innerText()).not.toBe(before);
  await panel(page, "Threshold");
  await page.getByLabel("Flags", { exact: true }).fill("50");
  await page.getByLabel("Flags", { exact: true }).press("Enter");
  await expect.poll(async () => (await counts(page)).odd).toBeLessThanOrEqual(50);
});

test("all records can be sorted, filtered and opened by keyboard", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const grid = page.getByRole("grid", { name: "Records" });
  await expect(grid).toHaveAttribute("aria-rowcount", "302");

  await grid.getByRole("button", { name: "packets" }).click();
  await expect(grid.getByRole("columnheader", { name: "packets" })).toHaveAttribute("aria-sort", "ascending");
  await expect(grid.getByRole("row").nth(1)).toContainText("row 0");
  await grid.getByRole("button", { name: "packets" }).click();
  await expect(grid.getByRole("row").nth(1)).toContainText("the odd one");

  await filter(page, "ODD one");
  await expect(grid).toHaveAttribute("aria-rowcount", "2");
  await grid.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const record = page.getByRole("complementary", { name: "Record 301" });
  await expect(record).toContainText("50000000");
});

test("a table that is longer than a browser can lay out loses no step of scrolling", async ({ page }) => {
  const lines = ["duration,bytes"];
  for (let i = 0; i < 300_000; i++) lines.push(`${i % 97},${(i * 7) % 1009}`);
  await start(page);
  await analyse(page, text("long.csv", lines.join("\n") + "\n"));
  await leads(page);
  const first = await records(page).evaluate(async (grid) => {
    // The second step comes just before the page, which does not know of it yet, puts the track in order after the first.
    const real = window.setTimeout;
    const isOver = new Promise<void>((done) => {
      window.setTimeout = ((act: () => void, ms: number) =>
        real(() => {
          window.setTimeout = real;
          grid.scrollTop += 640;
          act();
          real(done, 600);
        }, ms)) as typeof setTimeout;
    });
    grid.scrollTop += 640;
    await isOver;
    const head = grid.querySelector(".grid-head")!.getBoundingClientRect().bottom;
    const rows = [...grid.querySelectorAll('[role="row"][id]')];
    return rows.find((row) => row.getBoundingClientRect().bottom > head + 1)!.getAttribute("aria-rowindex");
  });
  // Two steps of twenty rows, below the head, which is the first.
  expect(Number(first)).toBe(42);
});

test("one record is checked, and a changed copy scores differently", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await page.getByRole("grid", { name: "Records" }).getByRole("row").nth(1).click();
  await page.getByRole("button", { name: "Check a changed copy" }).click();
  const form = page.getByRole("form", { name: "Check one record" });
  await expect(form.getByLabel("bytes", { exact: true })).toHaveValue("50000000");
  await form.getByRole("button", { name: "Score it" }).click();
  await expect(form).toContainText("Odder than");
  const odd = await form.getByRole("status").innerText();
  await form.getByLabel("bytes", { exact: true }).fill("700");
  await form.getByLabel("packets", { exact: true }).fill("8");
  await form.getByRole("button", { name: "Score it" }).click();
  await expect.poll(() => form.getByRole("status").innerText()).not.toBe(odd);
});

test("roles and settings can be changed and run again", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await expect(page.getByText(/\b5\sinputs/)).toBeVisible();
  await page.getByRole("button", { name: "File and settings" }).click();
  await page.getByLabel("Role of bytes").selectOption({ label: "not used" });
  await page.getByLabel("Trees").fill("20");
  // What the table is filtered by outlives the run.
  const grid = page.getByRole("grid", { name: "Records" });
  await filter(page, "row 29");
  await expect(grid).toHaveAttribute("aria-rowcount", "12");
  await page.getByRole("button", { name: "Run again" }).click();
  await expect(page.getByText(/\b4\sinputs/)).toBeVisible();
  await expect(grid).toHaveAttribute("aria-rowcount", "12");
});

test("a flood is warned about, and found once the normal records are named", async ({ page }) => {
  const [flood, quiet] = [onDisk("flood.csv", aFlood()), onDisk("quiet.csv", aQuietDay())];
  await start(page);
  await analyse(page, flood);
  await expect(page.getByText("may be upside down")).toBeVisible();
  await expect(await labels(page)).toContainText("Worse than chance");

  // The warning leads to the setting.
  await page.getByRole("button", { name: "Name the normal records" }).press("Enter");
  const fitTo = page.getByLabel("Fit to");
  await expect(fitTo).toBeFocused();
  const settings = page.getByRole("form", { name: "Settings" });
  const runAndCompare = async (...args: string[]) => {
    await page.getByRole("button", { name: "Run again" }).click();
    await expect(settings).toBeHidden();
    await expect(headline(page)).toBeVisible();
    // Most of the file is flagged: no share of it is the limit.
    expect((await counts(page)).odd).toBeGreaterThan(3500);
    await expect(page.getByText("may be upside down")).toBeHidden();
    expect((await download(page)).equals(scoreByProgram(flood, ...args))).toBe(true);
    await page.getByRole("button", { name: "File and settings" }).click();
  };

  await fitTo.selectOption({ label: "Records labelled normal" });
  await runAndCompare("--normal", "label");
  await expect(fitTo).toHaveValue("label");

  await fitTo.selectOption({ label: "Records containing a text" });
  await page.getByLabel("Text of normal records").fill("10.0.0.");
  await runAndCompare("--normal", "filter:10.0.0.");

  await fitTo.selectOption({ label: "Another file" });
  await page.getByLabel("File of normal records").setInputFiles(quiet);
  await expect(settings.getByText(/quiet\.csv, 1,000\srows/)).toBeVisible();
  await runAndCompare("--normal-file", quiet);

  // It stays for a file with the same columns.
  await give(page, text("next day.csv", aFlood()));
  await expect(page.getByRole("heading", { name: "next day.csv" })).toBeVisible();
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).odd).toBeGreaterThan(3500);

  // A window without normal records says so, and leads back to the settings.
  await page.getByRole("button", { name: "File and settings" }).click();
  await fitTo.selectOption({ label: "A time window" });
  await page.getByRole("textbox", { name: "From" }).fill("2030-01-01");
  await page.getByRole("button", { name: "Run again" }).click();
  await expect(page.getByText("too few records from 2030-01-01 on")).toBeVisible();
  await expect(fitTo).toBeVisible();
});

test("what a file lacks cannot be fitted to", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await page.getByRole("button", { name: "File and settings" }).click();
  const fitTo = page.getByLabel("Fit to");
  const offers = fitTo.locator("option:not([hidden])");
  await expect(offers).toHaveText(["All records", "Records containing a text", "Another file"]);
  await page.getByLabel("Role of info").selectOption({ label: "label" });
  await expect(offers).toHaveCount(4);
});

test("the downloaded file is what the program writes, byte for byte", async ({ page }) => {
  const cases = [someFlows(), someFlows().replaceAll("\n", "\r\n"), someFlows() + "too,few\n=cmd|' /C calc'!A0,tcp,1,2,<img src=x onerror=alert(1)>\n"];
  for (const content of cases) {
    const path = onDisk("flows.csv", content);
    await start(page);
    await analyse(page, path);
    expect((await download(page)).equals(scoreByProgram(path))).toBe(true);
  }
});

test("an analysis asks nothing of the network, and works without one", async ({ page, context, requests }) => {
  await start(page);
  const loaded = requests.length;
  await analyse(page, text("flows.csv", someFlows()));
  await page.getByRole("grid", { name: "Records" }).getByRole("row").nth(1).click();
  await download(page);
  expect(requests.slice(loaded).filter((url) => !url.startsWith("blob:"))).toEqual([]);

  await context.setOffline(true);
  await page.getByRole("button", { name: "New file" }).click();
  await give(page, text("again.csv", someFlows()));
  await expect(page.getByText("again.csv").first()).toBeVisible();
  await expect(headline(page)).toBeVisible();
  expect((await download(page)).toString()).toContain(",anomaly,");
  expect(requests.slice(loaded).filter((url) => !url.startsWith("blob:"))).toEqual([]);
});
