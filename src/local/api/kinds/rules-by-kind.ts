/** The rules of each built-in kind that has any of its own. */
import { customResourceDefinitionRules } from "../custom/definition.ts";
import {
  endpointSliceRules,
  eventRules,
  namespaceRules,
  roleBindingRules,
  roleRules,
  webhookRules,
} from "./cluster.ts";
import { configMapRules, secretRules } from "./configuration.ts";
import { podRules } from "./pod.ts";
import { serviceRules } from "./service.ts";
import type { KindRules } from "./strategy.ts";
import {
  cronJobRules,
  daemonSetRules,
  deploymentRules,
  jobRules,
  replicaSetRules,
  statefulSetRules,
} from "./workload.ts";

export const kindRules: Readonly<Record<string, KindRules>> = {
  Pod: podRules,
  Service: serviceRules,
  ConfigMap: configMapRules,
  Secret: secretRules,
  Namespace: namespaceRules,
  Event: eventRules,
  EndpointSlice: endpointSliceRules,
  Deployment: deploymentRules,
  ReplicaSet: replicaSetRules,
  StatefulSet: statefulSetRules,
  DaemonSet: daemonSetRules,
  Job: jobRules,
  CronJob: cronJobRules,
  Role: roleRules,
  ClusterRole: roleRules,
  RoleBinding: roleBindingRules,
  ClusterRoleBinding: roleBindingRules,
  MutatingWebhookConfiguration: webhookRules,
  ValidatingWebhookConfiguration: webhookRules,
  CustomResourceDefinition: customResourceDefinitionRules,
};
