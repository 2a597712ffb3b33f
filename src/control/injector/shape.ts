/** Whether an object has the shape that the injector relies on. API servers see to that; who else asks gets told. */
import { Field } from "../admission/field.ts";
import { Findings } from "../admission/findings.ts";

/** What is wrong with the shape of a pod or Service; null: nothing. */
export function shapeProblem(kind: "Pod" | "Service", object: object): string | null {
  const findings = new Findings();
  const root = new Field("", object, findings);
  checkMetadata(root.at("metadata"));
  const spec = root.at("spec");
  spec.object();
  if (kind === "Pod") checkPod(spec);
  else checkPorts(spec.at("ports"), "port");
  return findings.problems.length === 0 ? null : findings.problems.join("; ");
}

function checkMetadata(metadata: Field): void {
  texts(metadata, "name", "generateName");
  for (const key of ["labels", "annotations"]) {
    const map = metadata.at(key);
    if (map.object()) for (const entry of Object.keys(map.value as object)) map.at(entry).text();
  }
  for (const owner of objects(metadata.at("ownerReferences"))) {
    for (const key of ["apiVersion", "kind", "name"]) owner.at(key).required();
    texts(owner, "apiVersion", "kind", "name", "uid");
  }
}

function checkPod(spec: Field): void {
  texts(spec, "serviceAccountName", "serviceAccount");
  for (const key of ["hostNetwork", "automountServiceAccountToken"]) spec.at(key).boolean();
  spec.at("securityContext").object();
  for (const volume of objects(spec.at("volumes"))) texts(volume, "name");
  for (const list of ["initContainers", "containers"]) {
    for (const container of objects(spec.at(list))) {
      texts(container, "name", "image", "restartPolicy");
      checkPorts(container.at("ports"), "containerPort");
      for (const mount of objects(container.at("volumeMounts"))) texts(mount, "name", "mountPath");
      for (const variable of objects(container.at("env"))) texts(variable, "name", "value");
      for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
        if (container.at(probe).object()) container.at(probe).at("httpGet").object();
      }
    }
  }
}

function checkPorts(ports: Field, number: string): void {
  for (const port of objects(ports)) {
    texts(port, "name", "protocol");
    port.at(number).integer(0, 65_535);
  }
}

function texts(of: Field, ...keys: string[]): void {
  for (const key of keys) of.at(key).text();
}

/** The items that are objects; others are problems. */
function objects(list: Field): Field[] {
  return list.items().filter((item) => {
    if (!item.present) item.problem("is not an object");
    return item.object();
  });
}
