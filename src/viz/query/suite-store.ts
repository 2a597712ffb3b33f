/** The embedded store with what the suite's proxies told, from time 0 on. */
import { targetLabels } from "../metrics/pods.ts";
import { SampleStore } from "../metrics/store.ts";
import { answerFamilies } from "./families.ts";
import { deploymentOf, scrapeOf, suiteInterval, suiteLength, suitePods } from "./source-suite.ts";

export function suiteStore(): SampleStore {
  const store = new SampleStore({ families: new Set(answerFamilies) });
  for (const pod of suitePods) {
    for (let at = 0; at <= suiteLength; at += suiteInterval) {
      const text = scrapeOf(deploymentOf(pod), at);
      if (text === null) continue;
      store.describe(pod.target, targetLabels(pod));
      store.add(pod.target, at, text);
    }
  }
  return store;
}
