import { sourceSuite, suiteLength } from "./source-suite.ts";
import { StoreSource } from "./store-source.ts";
import { suiteStore } from "./suite-store.ts";

const store = suiteStore();
sourceSuite("the embedded store", () => new StoreSource(store, () => suiteLength));
