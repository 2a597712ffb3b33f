import { answerFamilies } from "./families.ts";
import { SampleStore } from "../metrics/store.ts";
import { targetLabels } from "../metrics/pods.ts";
import { deploymentOf, scrapeOf, sourceSuite, suiteInterval, suiteLength, suitePods } from "./source-suite.ts";
import { StoreSource } from "./store-source.ts";

const store = new SampleStore({ families: new Set(answerFamilies) });
for (const pod of suitePods) {
  for (let at = 0; at <= suiteLength; at += suiteInterval) {
    const text = scrapeOf(deploymentOf(pod), at);
    if (text === null) continue;
    store.describe(pod.target, targetLabels(pod));
    store.add(pod.target, at, text);
  }
}

sourceSuite("the embedded store", () => new StoreSource(store, () => suiteLength));
