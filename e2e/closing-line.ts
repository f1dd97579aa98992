// Ends the run with one plain line of counts.
import type { Reporter, TestCase, TestResult } from "@playwright/test/reporter";

export default class ClosingLine implements Reporter {
  private readonly last = new Map<string, TestResult["status"]>();

  onTestEnd(test: TestCase, result: TestResult) {
    this.last.set(test.id, result.status);
  }

  onEnd() {
    const all = [...this.last.values()];
    const count = (status: TestResult["status"]) => all.filter((one) => one === status).length;
    const passed = count("passed");
    const skipped = count("skipped");
    console.log(`e2e: ${passed} passed, ${all.length - passed - skipped} failed, ${skipped} skipped`);
  }
}
