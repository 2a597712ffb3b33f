/** metadata and what many kinds share (Kubernetes API reference, "Common Definitions"). */
export const metaTypes = `
ObjectMeta = 1.name:string 2.generateName:string 3.namespace:string 4.selfLink:string 5.uid:string 6.resourceVersion:string 7.generation:int 8.creationTimestamp:time 9.deletionTimestamp:time 10.deletionGracePeriodSeconds:int 11.labels:{string} 12.annotations:{string} 13.ownerReferences:[OwnerReference]@uid 14.finalizers:[string]@ 17.managedFields:[any]
OwnerReference = 5.apiVersion!:string 1.kind!:string 3.name!:string 4.uid!:string 6.controller:bool 7.blockOwnerDeletion:bool
LabelSelector = 1.matchLabels:{string} 2.matchExpressions:[LabelSelectorRequirement]
LabelSelectorRequirement = 1.key!:string 2.operator!:In|NotIn|Exists|DoesNotExist 3.values:[string]
Condition = 1.type!:string 2.status!:True|False|Unknown 3.observedGeneration:int 4.lastTransitionTime:time 5.reason:string 6.message:string
LocalObjectReference = 1.name:string
ObjectReference = 1.kind:string 2.namespace:string 3.name:string 4.uid:string 5.apiVersion:string 6.resourceVersion:string 7.fieldPath:string
TypedLocalObjectReference = 1.apiGroup:string 2.kind!:string 3.name!:string
`;
