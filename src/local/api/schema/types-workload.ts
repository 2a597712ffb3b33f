/** apps/v1, batch/v1, discovery.k8s.io/v1, coordination.k8s.io/v1 and policy/v1 (Kubernetes API reference 1.34). */
export const workloadTypes = `
Deployment = apiVersion:string kind:string metadata:ObjectMeta spec!:DeploymentSpec status:DeploymentStatus
DeploymentSpec = replicas:int=1 selector!:LabelSelector template!:PodTemplateSpec strategy:DeploymentStrategy minReadySeconds:int revisionHistoryLimit:int=10 paused:bool progressDeadlineSeconds:int=600
DeploymentStrategy = type:Recreate|RollingUpdate=RollingUpdate rollingUpdate:RollingUpdateDeployment
RollingUpdateDeployment = maxUnavailable:intstr maxSurge:intstr
DeploymentStatus = observedGeneration:int replicas:int updatedReplicas:int readyReplicas:int availableReplicas:int unavailableReplicas:int terminatingReplicas:int conditions:[DeploymentCondition]@type collisionCount:int
DeploymentCondition = type!:string status!:string lastUpdateTime:time lastTransitionTime:time reason:string message:string
ReplicaSet = apiVersion:string kind:string metadata:ObjectMeta spec!:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetSpec = replicas:int=1 minReadySeconds:int selector!:LabelSelector template:PodTemplateSpec
ReplicaSetStatus = replicas:int fullyLabeledReplicas:int readyReplicas:int availableReplicas:int terminatingReplicas:int observedGeneration:int conditions:[WorkloadCondition]@type
WorkloadCondition = type!:string status!:string lastTransitionTime:time reason:string message:string
StatefulSet = apiVersion:string kind:string metadata:ObjectMeta spec!:StatefulSetSpec status:StatefulSetStatus
StatefulSetSpec = replicas:int=1 selector!:LabelSelector template!:PodTemplateSpec volumeClaimTemplates:[any] serviceName:string podManagementPolicy:OrderedReady|Parallel=OrderedReady updateStrategy:StatefulSetUpdateStrategy revisionHistoryLimit:int=10 minReadySeconds:int persistentVolumeClaimRetentionPolicy:any ordinals:StatefulSetOrdinals
StatefulSetOrdinals = start:int
StatefulSetUpdateStrategy = type:RollingUpdate|OnDelete=RollingUpdate rollingUpdate:RollingUpdateStatefulSet
RollingUpdateStatefulSet = partition:int maxUnavailable:intstr
StatefulSetStatus = observedGeneration:int replicas:int readyReplicas:int currentReplicas:int updatedReplicas:int currentRevision:string updateRevision:string collisionCount:int conditions:[WorkloadCondition]@type availableReplicas:int
DaemonSet = apiVersion:string kind:string metadata:ObjectMeta spec!:DaemonSetSpec status:DaemonSetStatus
DaemonSetSpec = selector!:LabelSelector template!:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy minReadySeconds:int revisionHistoryLimit:int=10
DaemonSetUpdateStrategy = type:RollingUpdate|OnDelete=RollingUpdate rollingUpdate:RollingUpdateDaemonSet
RollingUpdateDaemonSet = maxUnavailable:intstr maxSurge:intstr
DaemonSetStatus = currentNumberScheduled:int numberMisscheduled:int desiredNumberScheduled:int numberReady:int observedGeneration:int updatedNumberScheduled:int numberAvailable:int numberUnavailable:int collisionCount:int conditions:[WorkloadCondition]@type
ControllerRevision = apiVersion:string kind:string metadata:ObjectMeta data:any revision:int
Job = apiVersion:string kind:string metadata:ObjectMeta spec!:JobSpec status:JobStatus
JobTemplateSpec = metadata:ObjectMeta spec!:JobSpec
JobSpec = parallelism:int completions:int activeDeadlineSeconds:int podFailurePolicy:any successPolicy:any backoffLimit:int backoffLimitPerIndex:int maxFailedIndexes:int selector:LabelSelector manualSelector:bool template!:PodTemplateSpec ttlSecondsAfterFinished:int completionMode:NonIndexed|Indexed=NonIndexed suspend:bool=false podReplacementPolicy:TerminatingOrFailed|Failed managedBy:string
JobStatus = conditions:[JobCondition]@type startTime:time completionTime:time active:int succeeded:int failed:int terminating:int completedIndexes:string failedIndexes:string uncountedTerminatedPods:any ready:int
JobCondition = type!:string status!:string lastProbeTime:time lastTransitionTime:time reason:string message:string
CronJob = apiVersion:string kind:string metadata:ObjectMeta spec!:CronJobSpec status:CronJobStatus
CronJobSpec = schedule!:string timeZone:string startingDeadlineSeconds:int concurrencyPolicy:Allow|Forbid|Replace=Allow suspend:bool=false jobTemplate!:JobTemplateSpec successfulJobsHistoryLimit:int=3 failedJobsHistoryLimit:int=1
CronJobStatus = active:[ObjectReference] lastScheduleTime:time lastSuccessfulTime:time
EndpointSlice = apiVersion:string kind:string metadata:ObjectMeta addressType!:IPv4|IPv6|FQDN endpoints:[Endpoint] ports:[EndpointSlicePort]
Endpoint = addresses!:[string] conditions:EndpointConditions hostname:string targetRef:ObjectReference deprecatedTopology:{string} nodeName:string zone:string hints:EndpointHints
EndpointConditions = ready:bool serving:bool terminating:bool
EndpointHints = forZones:[ForZone] forNodes:[ForZone]
ForZone = name!:string
EndpointSlicePort = name:string protocol:TCP|UDP|SCTP=TCP port:int appProtocol:string
Lease = apiVersion:string kind:string metadata:ObjectMeta spec:LeaseSpec
LeaseSpec = holderIdentity:string leaseDurationSeconds:int acquireTime:time renewTime:time leaseTransitions:int strategy:string preferredHolder:string
PodDisruptionBudget = apiVersion:string kind:string metadata:ObjectMeta spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec = minAvailable:intstr selector:LabelSelector maxUnavailable:intstr unhealthyPodEvictionPolicy:IfHealthyBudget|AlwaysAllow
PodDisruptionBudgetStatus = observedGeneration:int disruptedPods:{time} disruptionsAllowed:int currentHealthy:int desiredHealthy:int expectedPods:int conditions:[Condition]@type
Scale = apiVersion:string kind:string metadata:ObjectMeta spec:ScaleSpec status:ScaleStatus
ScaleSpec = replicas:int
ScaleStatus = replicas:int selector:string
`;
