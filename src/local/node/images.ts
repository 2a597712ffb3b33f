/**
 * What an image name stands for. There are no image pulls here: containers run programs of this package or of the host.
 * To add an example application, add a line to `sampleEntrypoints` and a program to src/cli/programs.ts.
 */
import { selfCommand, type Self } from "../launcher/self.ts";

/** Where the program's folder is inside a container. */
export const selfMount = "/.linkerd";

/** What to run for an image. */
export type ImageProgram =
  /** `entrypoint` comes before the container's args; `host` means the programs are the host's, which deserves a warning. */
  | { readonly kind: "run"; readonly entrypoint: readonly string[]; readonly host: boolean }
  /** Nothing to run: the reason, for the user. */
  | { readonly kind: "missing"; readonly message: string };

/**
 * Linkerd's images by their last name: the words that the entrypoint puts before the container's arguments, here and in
 * the images that scripts/image writes. Arguments may name their program again, or another one: src/cli/programs.ts.
 */
export const linkerdEntrypoints: Readonly<Record<string, readonly string[]>> = {
  proxy: ["proxy"],
  "proxy-init": ["proxy-init"],
  controller: ["controller"],
  "policy-controller": ["controller", "policy"],
  "metrics-api": ["metrics-api"],
  "cni-plugin": ["cni"],
  cli: [],
};

/** Example applications, by the image's whole name: programs of this executable too. */
export const sampleEntrypoints: Readonly<Record<string, readonly string[]>> = {
  "linkerd.local/emojivoto": ["emojivoto"],
};

/** The image without registry tag and digest: "cr.l5d.io/linkerd/proxy:edge-25.1" → "cr.l5d.io/linkerd/proxy". */
export function imageName(image: string): string {
  const name = image.split("@", 1)[0] ?? "";
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}

export function resolveImage(
  image: string,
  container: { readonly command?: readonly string[] },
  self: Self,
): ImageProgram {
  const name = imageName(image);
  const last = name.slice(name.lastIndexOf("/") + 1);
  const command = container.command ?? [];
  const ours = /(^|\/)linkerd\/[a-z-]+$/.test(name);
  if (ours && command.length > 0) {
    const [program = "", ...rest] = command;
    const isLinkerd = /(^|\/)linkerd$/.test(program);
    return {
      kind: "run",
      entrypoint: isLinkerd ? [...selfCommand(self, selfMount, []), ...rest] : command,
      host: false,
    };
  }
  const implied = ours ? linkerdEntrypoints[last] : command.length === 0 ? sampleEntrypoints[name] : undefined;
  if (implied !== undefined) {
    return { kind: "run", entrypoint: selfCommand(self, selfMount, implied), host: false };
  }
  if (command.length > 0) return { kind: "run", entrypoint: command, host: true };
  return {
    kind: "missing",
    message: `Image "${image}" can't be pulled: a local cluster has no image store; set the container's command to a program of this machine`,
  };
}
