/** The columns of built-in kinds. */
import {
  bindingColumns,
  budgetColumns,
  leaseColumns,
  priorityColumns,
  revisionColumns,
  roleColumns,
  webhookColumns,
} from "./cluster-columns.ts";
import { ageColumn, column, nameColumn } from "./column.ts";
import type { Column } from "./column.ts";
import {
  configMapColumns,
  endpointsColumns,
  endpointSliceColumns,
  eventColumns,
  namespaceColumns,
  nodeColumns,
  secretColumns,
  serviceAccountColumns,
  serviceColumns,
} from "./core-columns.ts";
import { podColumns } from "./pod-columns.ts";
import {
  cronJobColumns,
  daemonSetColumns,
  deploymentColumns,
  jobColumns,
  replicaSetColumns,
  statefulSetColumns,
} from "./workload-columns.ts";

const byKind: Readonly<Record<string, readonly Column[]>> = {
  Pod: podColumns,
  Service: serviceColumns,
  Endpoints: endpointsColumns,
  EndpointSlice: endpointSliceColumns,
  Node: nodeColumns,
  Namespace: namespaceColumns,
  Event: eventColumns,
  ConfigMap: configMapColumns,
  Secret: secretColumns,
  ServiceAccount: serviceAccountColumns,
  Deployment: deploymentColumns,
  ReplicaSet: replicaSetColumns,
  StatefulSet: statefulSetColumns,
  DaemonSet: daemonSetColumns,
  Job: jobColumns,
  CronJob: cronJobColumns,
  Lease: leaseColumns,
  PodDisruptionBudget: budgetColumns,
  ControllerRevision: revisionColumns,
  PriorityClass: priorityColumns,
  Role: roleColumns,
  ClusterRole: roleColumns,
  RoleBinding: bindingColumns,
  ClusterRoleBinding: bindingColumns,
  MutatingWebhookConfiguration: webhookColumns,
  ValidatingWebhookConfiguration: webhookColumns,
  CustomResourceDefinition: [nameColumn, column("Created At", (object) => object.metadata.creationTimestamp)],
};

/** Kinds without columns of their own show name and age. */
export function columnsOf(kind: string): readonly Column[] {
  return byKind[kind] ?? [nameColumn, ageColumn];
}
