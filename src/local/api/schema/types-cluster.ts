/** Access, admission, extension and review types (Kubernetes API reference 1.34). */
export const clusterTypes = `
Role = apiVersion:string kind:string metadata:ObjectMeta rules:[PolicyRule]
ClusterRole = apiVersion:string kind:string metadata:ObjectMeta rules:[PolicyRule] aggregationRule:AggregationRule
AggregationRule = clusterRoleSelectors:[LabelSelector]
PolicyRule = verbs!:[string] apiGroups:[string] resources:[string] resourceNames:[string] nonResourceURLs:[string]
RoleBinding = apiVersion:string kind:string metadata:ObjectMeta subjects:[Subject] roleRef!:RoleRef
ClusterRoleBinding = apiVersion:string kind:string metadata:ObjectMeta subjects:[Subject] roleRef!:RoleRef
Subject = kind!:User|Group|ServiceAccount apiGroup:string name!:string namespace:string
RoleRef = apiGroup:string=rbac.authorization.k8s.io kind!:Role|ClusterRole name!:string
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
TokenRequest = apiVersion:string kind:string metadata:ObjectMeta spec:TokenRequestSpec status:TokenRequestStatus
TokenRequestSpec = audiences:[string] expirationSeconds:int=3600 boundObjectRef:BoundObjectReference
BoundObjectReference = kind:string apiVersion:string name:string uid:string
TokenRequestStatus = token:string expirationTimestamp:time
TokenReview = apiVersion:string kind:string metadata:ObjectMeta spec!:TokenReviewSpec status:any
TokenReviewSpec = token:string audiences:[string]
SubjectAccessReview = apiVersion:string kind:string metadata:ObjectMeta spec!:SubjectAccessReviewSpec status:any
LocalSubjectAccessReview = apiVersion:string kind:string metadata:ObjectMeta spec!:SubjectAccessReviewSpec status:any
SelfSubjectAccessReview = apiVersion:string kind:string metadata:ObjectMeta spec!:SubjectAccessReviewSpec status:any
SubjectAccessReviewSpec = resourceAttributes:ResourceAttributes nonResourceAttributes:NonResourceAttributes user:string groups:[string] extra:any uid:string
ResourceAttributes = namespace:string verb:string group:string version:string resource:string subresource:string name:string fieldSelector:any labelSelector:any
NonResourceAttributes = path:string verb:string
SelfSubjectRulesReview = apiVersion:string kind:string metadata:ObjectMeta spec:SelfSubjectRulesReviewSpec status:any
SelfSubjectRulesReviewSpec = namespace:string
SelfSubjectReview = apiVersion:string kind:string metadata:ObjectMeta status:any
Eviction = apiVersion:string kind:string metadata:ObjectMeta deleteOptions:any
Binding = apiVersion:string kind:string metadata:ObjectMeta target!:ObjectReference
APIService = apiVersion:string kind:string metadata:ObjectMeta spec:any status:any
PriorityClass = apiVersion:string kind:string metadata:ObjectMeta value:int globalDefault:bool description:string preemptionPolicy:string
`;
