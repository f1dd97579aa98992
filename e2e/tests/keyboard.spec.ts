// Each action by the keyboard alone: everything that can be pressed is reached by Tab, and what is no button of the browser's own
// is moved by keys.
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { analyse, counts, handed, headline, leads, likePack, panel, records, start } from "../journeys.ts";
import { noteListeners, outOfReach, passedOver, press, reach } from "../keyboard.ts";

async function everythingIsReached(page: Page, view: string) {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
  expect(await outOfReach(page), view).toEqual([]);
  expect(await passedOver(page), view).toEqual([]);
}

test("in every view Tab comes to everything that can be pressed", async ({ page }) => {
  test.slow();
  await noteListeners(page);
  await start(page);
  await page.getByRole("button", { name: "Paste text" }).click();
  await everythingIsReached(page, "start page");
  for (const file of [undefined, likePack("nsl-kdd", 3000)]) {
    // The sample has times, and no pack speaks about it; the other file has both stages.
    if (file) await analyse(page, file);
    else await page.getByRole("button", { name: "Try the sample" }).click();
    await expect(headline(page)).toBeVisible();
    await page.getByLabel("Flags", { exact: true }).fill("300");
    await page.getByLabel("Flags", { exact: true }).press("Enter");
    await leads(page);
    // What they are about changes with the threshold, once it rests.
    await page.waitForTimeout(500);
    for (const tab of await page.getByRole("tab").all()) {
      await tab.click();
      await everythingIsReached(page, await tab.innerText());
    }
    await page.getByRole("button", { name: "File and settings" }).click();
    await everythingIsReached(page, "file and settings");
    await page.getByRole("button", { name: "File and settings" }).click();
    await records(page).getByRole("row").nth(1).click();
    await page.getByRole("button", { name: "Ignore its like" }).click();
    await everythingIsReached(page, "record");
    await page.getByRole("button", { name: "Check a changed copy" }).click();
    await page.getByRole("button", { name: "Score it" }).click();
    await expect(page.getByText("Odder than")).toBeVisible();
    await everythingIsReached(page, "check one record");
    await page.getByRole("button", { name: "Close form" }).click();
  }
});

test("threshold, tabs, lanes, menus and sliders are moved by keys", async ({ page }) => {
  test.slow();
  await start(page);
  await press(page, page.getByRole("button", { name: "Try the sample" }), "Enter");
  await expect(headline(page)).toBeVisible();
  await leads(page);
  const { odd } = await counts(page);

  await reach(page, page.getByRole("slider", { name: "Threshold" }));
  await page.keyboard.press("ArrowLeft");
  await expect.poll(async () => (await counts(page)).odd).toBeGreaterThan(odd);
  await page.keyboard.press("End");
  await expect.poll(async () => (await counts(page)).odd).toBeLessThan(2);
  await reach(page, page.getByLabel("Flag", { exact: true }), "Shift+Tab");
  await page.keyboard.type("by the");
  await expect.poll(async () => (await counts(page)).odd).toBe(odd);

  await reach(page, page.getByRole("tab", { name: "Threshold" }), "Shift+Tab");
  await page.keyboard.press("ArrowRight");
  const groups = page.getByRole("tabpanel", { name: "Groups" });
  await press(page, groups.getByRole("button", { name: "Destination" }), "Enter");
  await press(page, groups.getByRole("button", { name: "Records" }), " ");
  await expect(groups.getByRole("columnheader", { name: "Records" })).toHaveAttribute("aria-sort", "descending");
  const group = groups.getByRole("row").nth(1).getByRole("button");
  const filter = page.getByRole("combobox", { name: "Filter records" });
  await press(page, group, "Enter");
  await expect(filter).toHaveValue(/^dst:/);
  // The list of what is left has the group alone, and pressed once more it lets go.
  await expect(groups.getByRole("button", { pressed: true }).nth(1)).toBeVisible();
  await expect(groups.getByRole("row")).toHaveCount(2);
  await press(page, group, "Enter");
  await expect(filter).toHaveValue("");

  await reach(page, page.getByRole("tab", { name: "Groups" }), "Shift+Tab");
  await page.keyboard.press("ArrowRight");
  const time = page.getByRole("tabpanel", { name: "Over time" });
  await press(page, time.getByRole("button", { name: "Service" }), "Enter");
  const lanes = time.getByRole("application", { name: /^Swimlanes by Service/ });
  await reach(page, lanes);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(filter).toHaveValue(/^service:\S+ time:/);
  await expect(lanes).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(filter).toHaveValue("");

  await reach(page, page.getByRole("tab", { name: "Over time" }), "Shift+Tab");
  await page.keyboard.press("Home");
  await press(page, page.getByRole("button", { name: "Report and session" }), "Enter", "Shift+Tab");
  const report = await handed(page, () => press(page, page.getByRole("button", { name: "Report for programs" }), "Enter"));
  expect(JSON.parse(report.bytes.toString())).toBeTruthy();

  // A column's head sorts, and the form's sliders move what is scored.
  await press(page, records(page).getByRole("columnheader", { name: "Record" }).getByRole("button"), "Enter");
  await expect(records(page).getByRole("row").nth(1).getByRole("gridcell", { name: "1", exact: true }).first()).toBeVisible();
  await press(page, page.getByRole("button", { name: "Check one record" }), "Enter", "Shift+Tab");
  const form = page.getByRole("form", { name: "Check one record" });
  await press(page, form.getByRole("slider").first(), "End");
  await expect(form.getByRole("status")).toContainText("Odder than");
});

test("a rule is written, changed, switched off and undone by keys", async ({ page }) => {
  await start(page);
  await press(page, page.getByRole("button", { name: "Try the sample" }), "Enter");
  await expect(headline(page)).toBeVisible();
  const { odd } = await counts(page);
  const kept = await panel(page, "Ignored and judged");
  await reach(page, kept.getByLabel("Rule in the filter language"));
  await page.keyboard.type("proto:icmp");
  await page.keyboard.press("Enter");
  const rules = kept.getByRole("list", { name: "Rules" });
  await expect(rules).toContainText("proto:icmp");
  await expect.poll(async () => (await counts(page)).odd).toBeLessThan(odd);
  const { odd: left } = await counts(page);

  await press(page, kept.getByRole("button", { name: "Change proto:icmp" }), "Enter", "Shift+Tab");
  await expect(kept.getByLabel("Filter of the rule")).toBeFocused();
  await page.keyboard.press("End");
  await page.keyboard.type(" scr:1");
  await page.keyboard.press("Enter");
  await expect(kept.getByRole("alert").filter({ hasText: /unknown field `scr`/ })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(kept.getByRole("button", { name: "Change proto:icmp" })).toBeFocused();
  await press(page, kept.getByRole("button", { name: "Change proto:icmp" }), "Enter");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("score:>0");
  await page.keyboard.press("Enter");
  await expect(kept.getByRole("button", { name: "Change score:>0" })).toBeFocused();
  await expect.poll(async () => (await counts(page)).odd).toBe(0);
  await press(page, kept.getByRole("button", { name: "Undo" }), "Enter");
  await expect.poll(async () => (await counts(page)).odd).toBe(left);
  await press(page, kept.getByRole("checkbox", { name: "Use proto:icmp" }), " ", "Shift+Tab");
  await expect.poll(async () => (await counts(page)).odd).toBe(odd);
  await press(page, kept.getByRole("button", { name: "Remove proto:icmp" }), "Enter");
  await expect(rules.getByRole("listitem")).toHaveCount(0);
});
