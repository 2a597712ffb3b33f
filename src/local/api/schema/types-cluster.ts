/** Access, admission, extension and review types (Kubernetes API reference 1.34). */
export const clusterTypes = `
Role = apiVersion:string kind:string 1.metadata:ObjectMeta 2.rules:[PolicyRule]
ClusterRole = apiVersion:string kind:string 1.metadata:ObjectMeta 2.rules:[PolicyRule] 3.aggregationRule:AggregationRule
AggregationRule = 1.clusterRoleSelectors:[LabelSelector]
PolicyRule = 1.verbs!:[string] 2.apiGroups:[string] 3.resources:[string] 4.resourceNames:[string] 5.nonResourceURLs:[string]
RoleBinding = apiVersion:string kind:string 1.metadata:ObjectMeta 2.subjects:[Subject] 3.roleRef!:RoleRef
ClusterRoleBinding = apiVersion:string kind:string 1.metadata:ObjectMeta 2.subjects:[Subject] 3.roleRef!:RoleRef
Subject = 1.kind!:User|Group|ServiceAccount 2.apiGroup:string 3.name!:string 4.namespace:string
RoleRef = 1.apiGroup:string=rbac.authorization.k8s.io 2.kind!:Role|ClusterRole 3.name!:string
MutatingWebhookConfiguration = apiVersion:string kind:string metadata:ObjectMeta webhooks:[MutatingWebhook]@name
MutatingWebhook = name!:string clientConfig!:WebhookClientConfig rules:[RuleWithOperations] failurePolicy:Ignore|Fail=Fail matchPolicy:Exact|Equivalent=Equivalent namespaceSelector:LabelSelector objectSelector:LabelSelector sideEffects!:None|NoneOnDryRun|Some|Unknown timeoutSeconds:int=10 admissionReviewVersions!:[string] reinvocationPolicy:Never|IfNeeded=Never matchConditions:[any]
ValidatingWebhookConfiguration = apiVersion:string kind:string metadata:ObjectMeta webhooks:[ValidatingWebhook]@name
ValidatingWebhook = name!:string clientConfig!:WebhookClientConfig rules:[RuleWithOperations] failurePolicy:Ignore|Fail=Fail matchPolicy:Exact|Equivalent=Equivalent namespaceSelector:LabelSelector objectSelector:LabelSelector sideEffects!:None|NoneOnDryRun|Some|Unknown timeoutSeconds:int=10 admissionReviewVersions!:[string] matchConditions:[any]
WebhookClientConfig = url:string service:WebhookServiceReference caBundle:bytes
WebhookServiceReference = namespace!:string name!:string path:string port:int=443
RuleWithOperations = operations!:[string] apiGroups!:[string] apiVersions!:[string] resources!:[string] scope:Cluster|Namespaced|*=*
CustomResourceDefinition = apiVersion:string kind:string metadata:ObjectMeta spec!:CustomResourceDefinitionSpec status:CustomResourceDefinitionStatus
CustomResourceDefinitionSpec = group!:string names!:CustomResourceDefinitionNames scope!:Cluster|Namespaced versions!:[CustomResourceDefinitionVersion] conversion:CustomResourceConversion preserveUnknownFields:bool
CustomResourceDefinitionNames = plural!:string singular:string shortNames:[string] kind!:string listKind:string categories:[string]
CustomResourceDefinitionVersion = name!:string served:bool storage:bool deprecated:bool deprecationWarning:string schema:CustomResourceValidation subresources:CustomResourceSubresources additionalPrinterColumns:[CustomResourceColumnDefinition] selectableFields:[any]
CustomResourceValidation = openAPIV3Schema:any
CustomResourceSubresources = status:any scale:CustomResourceSubresourceScale
CustomResourceSubresourceScale = specReplicasPath!:string statusReplicasPath!:string labelSelectorPath:string
CustomResourceColumnDefinition = name!:string type!:string format:string description:string priority:int jsonPath!:string
CustomResourceConversion = strategy!:None|Webhook webhook:any
CustomResourceDefinitionStatus = conditions:[CustomResourceDefinitionCondition]@type acceptedNames:CustomResourceDefinitionNames storedVersions:[string]
CustomResourceDefinitionCondition = type!:string status!:string lastTransitionTime:time reason:string message:string observedGeneration:int
TokenRequest = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:TokenRequestSpec 3.status:TokenRequestStatus
TokenRequestSpec = 1.audiences:[string] 4.expirationSeconds:int=3600 3.boundObjectRef:BoundObjectReference
BoundObjectReference = 1.kind:string 2.apiVersion:string 3.name:string 4.uid:string
TokenRequestStatus = 1.token:string 2.expirationTimestamp:time
TokenReview = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:TokenReviewSpec 3.status:any
TokenReviewSpec = 1.token:string 2.audiences:[string]
SubjectAccessReview = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:SubjectAccessReviewSpec 3.status:any
LocalSubjectAccessReview = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:SubjectAccessReviewSpec 3.status:any
SelfSubjectAccessReview = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:SubjectAccessReviewSpec 3.status:any
SubjectAccessReviewSpec = 1.resourceAttributes:ResourceAttributes 2.nonResourceAttributes:NonResourceAttributes 3.user:string 4.groups:[string] 5.extra:any 6.uid:string
ResourceAttributes = 1.namespace:string 2.verb:string 3.group:string 4.version:string 5.resource:string 6.subresource:string 7.name:string 8.fieldSelector:any 9.labelSelector:any
NonResourceAttributes = 1.path:string 2.verb:string
SelfSubjectRulesReview = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:SelfSubjectRulesReviewSpec 3.status:any
SelfSubjectRulesReviewSpec = 1.namespace:string
SelfSubjectReview = apiVersion:string kind:string 1.metadata:ObjectMeta 2.status:any
Eviction = apiVersion:string kind:string 1.metadata:ObjectMeta 2.deleteOptions:DeleteOptions
Binding = apiVersion:string kind:string 1.metadata:ObjectMeta 2.target!:ObjectReference
APIService = apiVersion:string kind:string metadata:ObjectMeta spec:any status:any
DeleteOptions = apiVersion:string kind:string 1.gracePeriodSeconds:int 2.preconditions:Preconditions 3.orphanDependents:bool 4.propagationPolicy:string 5.dryRun:[string]
Preconditions = 1.uid:string 2.resourceVersion:string
PriorityClass = apiVersion:string kind:string 1.metadata:ObjectMeta 2.value:int 3.globalDefault:bool 4.description:string 5.preemptionPolicy:string
`;
