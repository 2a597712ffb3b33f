/** The version of this build, the same for the executable, the image and the charts. */
import manifest from "../../package.json" with { type: "json" };

/** For example "0.1.0". */
export const version: string = manifest.version;
