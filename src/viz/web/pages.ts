/** The pages of the dashboard as this program carries them. Load it with `import()`: run from sources it compiles them. */
import { buildPages } from "./build-pages.ts" with { type: "macro" };
import type { PageFiles } from "./build-pages.ts";

export const pages: PageFiles = buildPages();
