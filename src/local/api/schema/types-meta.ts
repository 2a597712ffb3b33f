/** metadata and what many kinds share (Kubernetes API reference, "Common Definitions"). */
export const metaTypes = `
ObjectMeta = name:string generateName:string namespace:string selfLink:string uid:string resourceVersion:string generation:int creationTimestamp:time deletionTimestamp:time deletionGracePeriodSeconds:int labels:{string} annotations:{string} ownerReferences:[OwnerReference]@uid finalizers:[string]@ managedFields:[any]
OwnerReference = apiVersion!:string kind!:string name!:string uid!:string controller:bool blockOwnerDeletion:bool
LabelSelector = matchLabels:{string} matchExpressions:[LabelSelectorRequirement]
LabelSelectorRequirement = key!:string operator!:In|NotIn|Exists|DoesNotExist values:[string]
Condition = type!:string status!:True|False|Unknown observedGeneration:int lastTransitionTime:time reason:string message:string
LocalObjectReference = name:string
ObjectReference = kind:string namespace:string name:string uid:string apiVersion:string resourceVersion:string fieldPath:string
TypedLocalObjectReference = apiGroup:string kind!:string name!:string
`;
