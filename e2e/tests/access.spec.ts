// For everyone: every view by axe, in both schemes and at both widths; what a page should have; and all of it by keyboard.
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { aBeacon, analyse, counts, faults, headline, leads, likePack, panel, records, someFlows, start, text } from "../journeys.ts";
import { press, reach } from "../keyboard.ts";

const WIDE = { width: 1360, height: 900 };
const NARROW = { width: 390, height: 844 };
/** Pixels that a target of a press has at least, by WCAG 2.2, success criterion 2.5.8. */
const TARGET = 24;
/** What is a good cumulative layout shift. */
const SHIFT = 0.1;

const schemes = ["light", "dark"] as const;
for (const [width, viewport] of [["wide", WIDE], ["narrow", NARROW]] as const) {
  test(`no view has faults, ${width}`, async ({ page }) => {
    test.slow();
    await page.setViewportSize(viewport);
    await start(page);
    await judge(page, "start page");
    await page.getByRole("button", { name: "Paste text" }).click();
    await judge(page, "pasting");
    // Records that a pack speaks about have both stages, labels and attack names.
    await analyse(page, likePack("nsl-kdd", 3000));
    // All of them together are odd: of the oddest, some have more in common than others.
    await page.getByLabel("Flags", { exact: true }).fill("300");
    await page.getByLabel("Flags", { exact: true }).press("Enter");
    await expect((await leads(page)).first()).toBeVisible();
    for (const tab of await page.getByRole("tab").all()) {
      await tab.click();
      const name = await tab.innerText();
      if (name === "Compare") {
        const compare = page.getByRole("tabpanel");
        await compare.getByLabel("File to compare with").setInputFiles(likePack("nsl-kdd", 1000));
        await compare.getByRole("button", { name: "Compare", exact: true }).click();
        await expect(compare.getByRole("heading", { name: "How each column differs" })).toBeVisible();
      }
      if (name === "Both stages") {
        await page.getByLabel("Forest score from").fill("0.4");
        await page.getByLabel("Forest score from").press("Enter");
        await expect(page.getByText("part of both stages")).toBeVisible();
      }
      const shown = page.getByRole("tabpanel").getByRole("button", { name: "Show the numbers" });
      if (await shown.first().isVisible()) await shown.first().click();
      await judge(page, name);
    }
    await page.getByRole("button", { name: "Clear all" }).click();

    // What is ignored may take all leads with it.
    await page.getByRole("button", { name: "False alarm" }).first().click();
    await page.getByRole("button", { name: "Ignore", exact: true }).first().click();
    const kept = await panel(page, "Ignored and judged");
    await expect(kept.getByRole("list", { name: "Rules" }).getByRole("listitem")).toHaveCount(1);
    await expect(kept.getByRole("region", { name: "Verdicts" })).toBeVisible();
    await kept.getByLabel("Rule in the filter language").fill("nothing:here");
    await kept.getByRole("button", { name: "Add rule" }).click();
    await judge(page, "ignored and judged, with an error");

    await page.getByRole("button", { name: "File and settings" }).click();
    await judge(page, "file and settings");
    await page.getByRole("button", { name: "File and settings" }).click();
    await page.getByRole("button", { name: "Report and session" }).click();
    await page.getByRole("button", { name: "Link to these settings" }).click();
    await judge(page, "menu");
    await page.keyboard.press("Escape");

    await page.getByRole("combobox", { name: "Filter records" }).pressSequentially("pro");
    await expect(page.getByRole("listbox", { name: "Completions" }).getByRole("option").first()).toBeVisible();
    await expect(page.getByText("No record passes the filter.")).toBeVisible();
    await judge(page, "completions");
    await page.getByRole("combobox", { name: "Filter records" }).fill("zzz-none");
    await expect(page.getByText("No record passes the filter.")).toBeVisible();
    await judge(page, "an empty table");
    await page.getByRole("button", { name: "Clear all" }).click();

    await records(page).getByRole("row").nth(1).click();
    await page.getByRole("region", { name: "Why" }).getByText("What each column adds").click();
    await page.getByRole("region", { name: "Why" }).getByRole("button", { name: "Show the numbers" }).click();
    await page.getByRole("button", { name: "Ignore its like" }).click();
    await judge(page, "record");
    await page.getByRole("button", { name: "Check a changed copy" }).click();
    await page.getByRole("button", { name: "Score it" }).click();
    await expect(page.getByText("Odder than")).toBeVisible();
    await judge(page, "check one record");
  });
}

test("lanes of time and what can be done about a lead have no faults either", async ({ page }) => {
  await start(page);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await expect(headline(page)).toBeVisible();
  await leads(page);
  await page.getByRole("button", { name: /^More about/ }).first().click();
  await judge(page, "more about a lead");
  await page.keyboard.press("Escape");
  await panel(page, "Over time");
  for (const viewport of [WIDE, NARROW]) {
    await page.setViewportSize(viewport);
    await judge(page, "lanes");
  }
});

test("the page has what every page should", async ({ page }) => {
  await start(page);
  const check = async () => {
    expect(await page.locator("h1").count()).toBe(1);
    for (const landmark of ["banner", "main", "contentinfo"] as const) expect(await page.getByRole(landmark).count()).toBe(1);
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("en");
    expect(await page.title()).toMatch(/^Oddflow: .{10,60}$/);
    expect(await page.locator("meta[name=description]").getAttribute("content")).toMatch(/^.{50,160}$/);
    expect(await page.locator("meta[name=viewport]").getAttribute("content")).not.toMatch(/maximum-scale|user-scalable/);
  };
  await check();
  await analyse(page, text("flows.csv", someFlows()));
  await check();
});

for (const [width, viewport] of [["wide", WIDE], ["narrow", NARROW]] as const) {
  test(`nothing jumps while the page and a result arrive, ${width}`, async ({ page }) => {
    await page.setViewportSize(viewport);
    await page.addInitScript(() => {
      const shifts: { value: number; of: string }[] = ((window as any).shifts = []);
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as any[]) {
          const name = (source: any) => source.node?.className || source.node?.nodeName;
          if (!entry.hadRecentInput) shifts.push({ value: entry.value, of: entry.sources.map(name).join(", ") });
        }
      }).observe({ type: "layout-shift", buffered: true });
    });
    await start(page);
    const shifted = async (when: string) => {
      const shifts = await page.evaluate(() => (window as any).shifts as { value: number; of: string }[]);
      const sum = shifts.reduce((sum, shift) => sum + shift.value, 0);
      await test.info().attach(`layout shift, ${when}`, { body: JSON.stringify({ sum, shifts }) });
      expect(sum, `${when}: ${JSON.stringify(shifts)}`).toBeLessThan(SHIFT);
    };
    await shifted("on load");
    await analyse(page, text("flows.csv", aBeacon()));
    await leads(page);
    await expect(records(page).getByRole("row").nth(1)).toBeVisible();
    await shifted("with the result");
  });
}

test("a narrow table is mostly reasons, and a file of a few records has a table of a few rows", async ({ page }) => {
  await page.setViewportSize(NARROW);
  await start(page);
  const [header, ...flows] = someFlows().split("\n");
  await analyse(page, text("flows.csv", someFlows()));
  const box = async (of: Locator) => (await of.boundingBox())!;
  const [table, why] = [await box(records(page)), await box(records(page).getByRole("columnheader", { name: "Why" }))];
  const above = await box(page.getByRole("combobox", { name: "Filter records" }));
  expect(table.y - above.y - above.height).toBeLessThan(60);
  expect(why.x).toBeLessThan(NARROW.width / 3);
  const tall = table.height;
  await page.getByRole("button", { name: "New file" }).click();
  await analyse(page, text("few.csv", [header, ...flows.slice(0, 3)].join("\n")));
  expect((await box(records(page))).height).toBeLessThan(tall / 2);
});

test("an open record leaves room: for its own row in a narrow window, for more columns in a wide one", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const right = (of: Locator) => of.boundingBox().then((box) => box!.x + box!.width);
  const top = records(page).getByRole("row").nth(1);
  for (const viewport of [WIDE, NARROW]) {
    await page.setViewportSize(viewport);
    await page.evaluate(() => scrollTo(0, 0));
    await top.click();
    const record = page.getByRole("complementary").filter({ has: page.getByRole("heading", { name: "Record 301" }) });
    await expect(record.getByRole("row").first()).toBeVisible();
    const [sheet, row] = [(await record.boundingBox())!, (await top.boundingBox())!];
    if (viewport === NARROW) {
      const places = async (of: Locator) => {
        const { y } = (await of.boundingBox())!;
        return y >= 0 && y + row.height <= sheet.y;
      };
      await expect.poll(() => places(top)).toBe(true);
      const selected = records(page).getByRole("row", { selected: true });
      for (const key of ["ArrowDown", "ArrowUp"]) {
        for (let k = 0; k < 20; k++) await records(page).press(key);
        await expect(selected).toHaveAttribute("aria-rowindex", key === "ArrowUp" ? "2" : "22");
        await expect.poll(() => places(selected)).toBe(true);
      }
      await page.setViewportSize({ width: 800, height: 360 });
      await top.click();
      sheet.y = (await record.boundingBox())!.y;
      await expect.poll(() => places(selected)).toBe(true);
    } else {
      const shown = records(page).getByRole("columnheader", { name: "bytes" });
      expect(await right(shown)).toBeLessThanOrEqual(sheet.x);
      // Another result beside the open record, too.
      const place = (await shown.boundingBox())!.x;
      await page.getByRole("button", { name: "File and settings" }).click();
      await page.getByLabel("Seed").fill("1");
      await page.getByLabel("Seed").press("Tab");
      await page.getByRole("button", { name: "Run again" }).click();
      await expect(page.getByRole("form", { name: "Settings" })).toBeHidden();
      await expect(record.getByRole("row").first()).toBeVisible();
      await expect.poll(async () => (await shown.boundingBox())?.x).toBe(place);
    }
    await page.getByRole("button", { name: "Close record" }).click();
  }
});

test("from a file to the download by keyboard alone", async ({ page }) => {
  await start(page);
  const choosing = page.waitForEvent("filechooser");
  await press(page, page.getByRole("button", { name: "Choose a file" }), "Enter");
  await (await choosing).setFiles(text("flows.csv", aBeacon()));
  await expect(headline(page)).toBeVisible();

  const beacon = (await leads(page)).filter({ hasText: "10.0.0.99 → 203.0.113.7" });
  await press(page, beacon.getByRole("button", { name: "Show its records" }), "Enter");
  await expect(records(page)).toHaveAttribute("aria-rowcount", "281");

  // From the heading that has the focus now, on to the table.
  await reach(page, records(page));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const record = page.getByRole("complementary", { name: /^Record / });
  await expect(record.getByRole("region", { name: "Why" })).toBeVisible();
  // Once more, and it is entered.
  await page.keyboard.press("Enter");
  await press(page, record.getByRole("button", { name: "True alarm" }), "Enter");
  await reach(page, record.getByLabel("Note"));
  await page.keyboard.type("calls home");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(record).toBeHidden();
  await expect(records(page)).toBeFocused();

  await reach(page, page.getByRole("combobox", { name: "Filter records" }), "Shift+Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("dport:8443");
  await page.keyboard.press("Enter");
  await expect(records(page)).toHaveAttribute("aria-rowcount", "281");
  const { all } = await counts(page);

  const download = page.waitForEvent("download");
  await press(page, page.getByRole("button", { name: "Download annotated CSV" }), "Enter", "Shift+Tab");
  const rows = (await (await download).createReadStream()).setEncoding("utf8");
  let csv = "";
  for await (const part of rows) csv += part;
  expect(csv.trimEnd().split("\n")).toHaveLength(all + 1);
  expect(csv).toContain("true alarm");
  expect(csv).toContain("calls home");
});

/** What axe finds, in both schemes; and the targets that are too small to be hit. */
async function judge(page: Page, view: string) {
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    // The page hears of it a little later, and is painted anew with the next frame.
    await page.waitForFunction((scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches, colorScheme);
    await page.evaluate(() => new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then))));
    // What moves while it is looked at lies on something else the next moment, and colours that are still on their way are no
    // colours of the page.
    await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
    expect(await faults(page), `${view}, ${colorScheme}`).toEqual([]);
  }
  expect(await small(page), view).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${view}: stands out`).toBeLessThanOrEqual(0);
}

function small(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    const pressed = "button, a[href], select, summary, input:not([type=file]), textarea, [role=slider], [role=tab], [role=option]";
    const targets = [...document.querySelectorAll<HTMLElement>(pressed)].filter((element) => {
      const style = getComputedStyle(element);
      return element.getClientRects().length > 0 && style.visibility === "visible" && !element.closest(".visually-hidden");
    });
    return targets.flatMap((element) => {
      // A label that holds its field is pressed as one with it.
      const { width, height } = (element.closest("label") ?? element).getBoundingClientRect();
      const fits = Math.min(width, height) > least - 0.5;
      return fits ? [] : [`${element.outerHTML.slice(0, 120)}: ${width} × ${height}`];
    });
  }, TARGET);
}
