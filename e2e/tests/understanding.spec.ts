// Why is this flow odd, and what should I look at first? A person's way from the leads to the report.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { dataFile, expect, test } from "../fixtures.ts";
import { aBeacon, analyse, counts, filter, give, handed, headline, leads, panel, records, someFlows, start, text } from "../journeys.ts";

/** In pixels of CSS, of which there are 96 to an inch. */
const A4 = { width: 794, height: 1123 };

test("a host that calls like clockwork is among the first things to look at", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", aBeacon()));
  const beacon = (await leads(page)).filter({ hasText: "10.0.0.99 → 203.0.113.7" });
  await expect(beacon).toContainText(/every 5\s*min/i);
  await beacon.getByRole("button", { name: "Show its records" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "281");
  // The list stays while its records are looked at, and all records come back at a click.
  expect(await (await leads(page)).count()).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "3281");
});

test("the beacon of missing_host is within the first ten leads", async ({ page }) => {
  test.slow();
  const folder = dataFile("zeek/rita/missing_host");
  const hours = readdirSync(folder, { recursive: true }).map(String).filter((name) => /conn.*\.log\.gz$/.test(name));
  await start(page);
  await analyse(page, hours.map((name) => join(folder, name)));
  const found = await leads(page);
  expect(await found.count()).toBeLessThanOrEqual(10);
  await expect(found.filter({ hasText: /73\.54\.23\.243 → 64\.225\.56\.201/ })).toBeVisible();
});

test("the 16 flows of Torii are the first thing to look at", async ({ page }) => {
  const path = dataFile("iot-23/CTU-Malware-Capture-20-1-labeled.csv");
  await start(page);
  await analyse(page, path);
  const lead = (await leads(page)).first();
  await expect(lead).toContainText("192.168.100.103 → 66.85.157.90");
  await lead.getByRole("button", { name: "Show its records" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "17");
});

test("a record says why it is odd, in words and in bars", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await records(page).getByRole("row").nth(1).click();
  const record = page.getByRole("complementary", { name: "Record 301" });
  const why = record.getByRole("region", { name: "Why" });
  await expect(why.getByRole("listitem").first()).toContainText(/more than|typical|only/i);
  await why.getByText("What each column adds").click();
  await why.getByRole("button", { name: "Show the numbers" }).press("Enter");
  await expect(why.getByRole("rowheader").first()).toBeVisible();
  // The table gives the first reason of what is odd.
  await expect(records(page).getByRole("columnheader", { name: "Why" })).toBeVisible();
  await expect(records(page).getByRole("row").nth(1).getByRole("gridcell").nth(1)).not.toBeEmpty();
});

test("scores follow each value that is moved", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await records(page).getByRole("row").nth(5).click();
  await page.getByRole("button", { name: "Check a changed copy" }).click();
  const form = page.getByRole("form", { name: "Check one record" });
  await form.getByRole("button", { name: "Score it" }).click();
  await expect(form.getByRole("status")).toContainText("Odder than");
  const before = await form.getByRole("status").innerText();
  const slider = form.getByRole("slider", { name: "Move bytes" });
  await slider.focus();
  await slider.press("End");
  await expect.poll(() => form.getByRole("status").innerText()).not.toBe(before);
});

test("the filter language is completed, and says what is wrong with it", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const box = page.getByRole("combobox", { name: "Filter records" });
  const offers = page.getByRole("listbox", { name: "Completions" }).getByRole("option");
  await box.pressSequentially("pro");
  await expect(offers.first()).toContainText("proto:");
  await box.press("ArrowDown");
  await box.press("Tab");
  await expect(box).toHaveValue("proto:");
  await offers.filter({ hasText: "icmp" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "2");

  await box.fill("scr:>0.5");
  await expect(page.getByText(/unknown field `scr` at character 1/)).toBeVisible();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "2");
  await box.fill("-proto:udp bytes:>=600");
  await expect(page.getByRole("button", { name: "Remove -proto:udp" })).toBeVisible();
  await page.getByRole("button", { name: "Remove bytes:>=600" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "152");
  await page.getByRole("button", { name: "Clear all" }).click();
  await expect(records(page)).toHaveAttribute("aria-rowcount", "302");
});

test("flows can be ignored, and that can be undone", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const { odd } = await counts(page);
  await records(page).getByRole("row").nth(1).click();
  const record = page.getByRole("complementary", { name: "Record 301" });
  await record.getByRole("button", { name: "Ignore its like" }).click();
  await record.getByRole("form", { name: "Ignore flows like this" }).getByRole("button", { name: "Ignore them" }).click();
  await expect.poll(async () => (await counts(page)).odd).toBe(odd - 1);
  await expect(records(page).getByText("the odd one")).toHaveCount(0);
  const kept = await panel(page, "Ignored and judged");
  await expect(kept.getByRole("list", { name: "Rules" })).toContainText("src:10.0.0.7");
  const list = await handed(page, () => kept.getByRole("button", { name: "Export" }).click());
  expect(JSON.parse(list.bytes.toString()).rules).toHaveLength(1);
  await kept.getByRole("button", { name: "Undo" }).click();
  await expect.poll(async () => (await counts(page)).odd).toBe(odd);
  await kept.getByLabel("Allow-list file").setInputFiles({ name: "list.json", mimeType: "application/json", buffer: list.bytes });
  await expect.poll(async () => (await counts(page)).odd).toBe(odd - 1);
});

test("a group is judged, with a note that goes with its rows", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", aBeacon()));
  const beacon = (await leads(page)).filter({ hasText: "10.0.0.99 → 203.0.113.7" });
  await beacon.getByRole("button", { name: "True alarm" }).click();
  const kept = await panel(page, "Ignored and judged");
  await kept.getByLabel(/^Note on .*203\.0\.113\.7/).fill("calls home");
  await kept.getByLabel(/^Note on .*203\.0\.113\.7/).press("Enter");
  const csv = (await handed(page, () => page.getByRole("button", { name: "Download annotated CSV" }).click())).bytes.toString();
  expect(csv.split("\n").filter((line) => line.includes("calls home"))).toHaveLength(280);

  // What was judged says how good the list is, and what is shown of it.
  await expect(kept).toContainText(/Of (\d+).records judged among the odd, \1 are true alarms: a precision of 100.%/);
  await records(page).getByRole("row").nth(1).click();
  await page.getByRole("complementary", { name: /^Record/ }).getByRole("button", { name: "False alarm" }).click();
  await expect(kept).toContainText(/a precision of 99\.\d+.%, likely between 9\d\.\d.% and 99\.\d+.%/);
  await filter(page, "verdict:false");
  await expect(kept).toContainText(/Of 1.record judged among the odd that are shown, 0 are true alarms: a precision of 0.%/);
});

test("the threshold is a budget, and the count follows at once", async ({ page }) => {
  await start(page);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await expect(headline(page)).toBeVisible();
  const budget = (await panel(page, "Threshold")).getByLabel("Flag", { exact: true });
  await budget.selectOption("rows");
  await expect.poll(async () => (await counts(page)).odd).toBeLessThanOrEqual(50);
  await budget.selectOption("share");
  await expect.poll(async () => (await counts(page)).odd).toBe(200);
  await budget.selectOption("best");
  await expect(page.getByText(/The best F1 by the labels/)).toBeVisible();
  await budget.selectOption("own");
});

test("a session goes on where it was saved", async ({ page }) => {
  const file = text("flows.csv", someFlows());
  await start(page);
  await analyse(page, file);
  await records(page).getByRole("row").nth(1).click();
  const record = page.getByRole("complementary", { name: "Record 301" });
  await record.getByRole("button", { name: "True alarm" }).click();
  await record.getByLabel("Note").fill("backup gone wrong");
  await record.getByLabel("Note").press("Enter");
  await filter(page, "proto:icmp");
  await page.getByRole("button", { name: "Report and session" }).click();
  const session = await handed(page, () => page.getByRole("button", { name: "Save session" }).click());
  expect(session.bytes.toString()).not.toContain("the odd one");

  await start(page);
  await page.getByLabel("Session file").setInputFiles({ name: session.name, mimeType: "application/json", buffer: session.bytes });
  await expect(page.getByText("This session belongs to flows.csv")).toBeVisible();
  await analyse(page, file);
  await expect(page.getByRole("combobox", { name: "Filter records" })).toHaveValue("proto:icmp");
  await expect(records(page)).toHaveAttribute("aria-rowcount", "2");
  await expect(await panel(page, "Ignored and judged")).toContainText("backup gone wrong");
});

test("what was judged stays when its file is opened again, and goes with another", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await records(page).getByRole("row").nth(1).click();
  const record = page.getByRole("complementary", { name: "Record 301" });
  await record.getByRole("button", { name: "True alarm" }).click();
  await record.getByLabel("Note").fill("backup gone wrong");
  await record.getByLabel("Note").press("Enter");
  for (const [content, stays] of [[someFlows(), true], [someFlows().replace("row 7", "row x"), false]] as const) {
    await filter(page, "proto:icmp");
    await give(page, text("flows.csv", content));
    // Everything else begins anew.
    await expect(page.getByRole("combobox", { name: "Filter records" })).toHaveValue("");
    const kept = await panel(page, "Ignored and judged");
    await expect(kept.getByText("backup gone wrong")).toHaveCount(stays ? 1 : 0);
  }
});

test("the report is one file without script or request", async ({ page, context }) => {
  await start(page);
  await analyse(page, text("flows.csv", aBeacon()));
  await leads(page);
  const menu = page.getByRole("button", { name: "Report and session" });
  await menu.click();
  const html = (await handed(page, () => page.getByRole("button", { name: "Report to read and print" }).click())).bytes.toString();
  expect(html).toContain("203.0.113.7");
  const report = await context.newPage();
  const asked: string[] = [];
  report.on("request", (request) => asked.push(request.url()));
  await report.setContent(html);
  expect(asked).toEqual([]);
  expect(await report.locator("script, link[href], img[src], iframe").count()).toBe(0);
  // On paper, nothing is cut off at the side.
  await report.setViewportSize(A4);
  await report.emulateMedia({ media: "print" });
  expect(await report.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(A4.width);
  const pdf = (await report.pdf({ format: "A4" })).toString("latin1");
  expect(pdf.match(/\/Type\s*\/Page\b/g)!.length).toBeGreaterThan(0);
  await report.close();
  if (!(await page.getByRole("button", { name: "Report for programs" }).isVisible())) await menu.click();
  const json = await handed(page, () => page.getByRole("button", { name: "Report for programs" }).click());
  expect(JSON.parse(json.bytes.toString())).toBeTruthy();
});

test("several files are one log, and a mix is refused", async ({ page }) => {
  const [a, b] = [someFlows(), someFlows()];
  const { name, mimeType } = text("", "");
  const give2 = (files: { name: string; buffer: Buffer }[]) =>
    page.getByLabel("Flow file").setInputFiles(files.map((file) => ({ mimeType, ...file })));
  await start(page);
  await give2([{ name: "b.csv.gz", buffer: gzipSync(b) }, { name: "a.csv", buffer: Buffer.from(a) }]);
  await expect(page.getByText("1 of the 2 files are gzipped")).toBeVisible();
  const [header] = b.split("\n");
  const turned = header.split(",").reverse().join(",");
  await give2([{ name: "b.csv", buffer: Buffer.from(b.replace(header, turned)) }, { name: "a.csv", buffer: Buffer.from(a) }]);
  await expect(page.getByText(/^Column 1 is ".+" in a\.csv and ".+" in b\.csv/)).toBeVisible();
  await give2([{ name: "b.csv", buffer: Buffer.from(b.split("\n").slice(1).join("\n")) }, { name: "a.csv", buffer: Buffer.from(a) }]);
  await expect(headline(page)).toBeVisible();
  expect((await counts(page)).all).toBe(602);
  await expect(page.getByRole("heading", { name: `a.csv and 1 more${name}` })).toBeVisible();
});

test("settings go with a link", async ({ page, context }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  await filter(page, "proto:udp");
  await expect(records(page)).toHaveAttribute("aria-rowcount", "151");
  await page.getByRole("button", { name: "Report and session" }).click();
  await page.getByRole("button", { name: "Link to these settings" }).click();
  const link = await page.getByLabel("Link").inputValue();
  const other = await context.newPage();
  await other.goto(link);
  await other.waitForLoadState("networkidle");
  await analyse(other, text("flows.csv", someFlows()));
  await expect(other.getByRole("combobox", { name: "Filter records" })).toHaveValue("proto:udp");
  await expect(records(other)).toHaveAttribute("aria-rowcount", "151");
});

test("forget everything leaves nothing behind", async ({ page }) => {
  await start(page);
  await analyse(page, text("flows.csv", someFlows()));
  const kept = await panel(page, "Ignored and judged");
  await kept.getByLabel("Rule in the filter language").fill("proto:icmp");
  await kept.getByRole("button", { name: "Add rule" }).click();
  await kept.getByLabel("Keep on this device").check();
  await expect.poll(() => page.evaluate(() => JSON.stringify(localStorage))).toContain("proto:icmp");
  await page.getByRole("button", { name: "Forget everything" }).click();
  await expect(page.getByRole("button", { name: "Choose a file" })).toBeVisible();
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain("proto:icmp");
});
