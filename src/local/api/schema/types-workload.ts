/** apps/v1, batch/v1, discovery.k8s.io/v1, coordination.k8s.io/v1 and policy/v1 (Kubernetes API reference 1.34). */
export const workloadTypes = `
Deployment = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:DeploymentSpec 3.status:DeploymentStatus
DeploymentSpec = 1.replicas:int=1 2.selector!:LabelSelector 3.template!:PodTemplateSpec 4.strategy:DeploymentStrategy 5.minReadySeconds:int 6.revisionHistoryLimit:int=10 7.paused:bool 9.progressDeadlineSeconds:int=600
DeploymentStrategy = 1.type:Recreate|RollingUpdate=RollingUpdate 2.rollingUpdate:RollingUpdateDeployment
RollingUpdateDeployment = 1.maxUnavailable:intstr 2.maxSurge:intstr
DeploymentStatus = 1.observedGeneration:int 2.replicas:int 3.updatedReplicas:int 7.readyReplicas:int 4.availableReplicas:int 5.unavailableReplicas:int 9.terminatingReplicas:int 6.conditions:[DeploymentCondition]@type 8.collisionCount:int
DeploymentCondition = 1.type!:string 2.status!:string 6.lastUpdateTime:time 7.lastTransitionTime:time 4.reason:string 5.message:string
ReplicaSet = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:ReplicaSetSpec 3.status:ReplicaSetStatus
ReplicaSetSpec = 1.replicas:int=1 4.minReadySeconds:int 2.selector!:LabelSelector 3.template:PodTemplateSpec
ReplicaSetStatus = 1.replicas:int 2.fullyLabeledReplicas:int 4.readyReplicas:int 5.availableReplicas:int 7.terminatingReplicas:int 3.observedGeneration:int 6.conditions:[WorkloadCondition]@type
WorkloadCondition = 1.type!:string 2.status!:string 3.lastTransitionTime:time 4.reason:string 5.message:string
StatefulSet = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:StatefulSetSpec 3.status:StatefulSetStatus
StatefulSetSpec = 1.replicas:int=1 2.selector!:LabelSelector 3.template!:PodTemplateSpec 4.volumeClaimTemplates:[any] 5.serviceName:string 6.podManagementPolicy:OrderedReady|Parallel=OrderedReady 7.updateStrategy:StatefulSetUpdateStrategy 8.revisionHistoryLimit:int=10 9.minReadySeconds:int 10.persistentVolumeClaimRetentionPolicy:any 11.ordinals:StatefulSetOrdinals
StatefulSetOrdinals = 1.start:int
StatefulSetUpdateStrategy = 1.type:RollingUpdate|OnDelete=RollingUpdate 2.rollingUpdate:RollingUpdateStatefulSet
RollingUpdateStatefulSet = 1.partition:int 2.maxUnavailable:intstr
StatefulSetStatus = 1.observedGeneration:int 2.replicas:int 3.readyReplicas:int 4.currentReplicas:int 5.updatedReplicas:int 6.currentRevision:string 7.updateRevision:string 9.collisionCount:int 10.conditions:[WorkloadCondition]@type 11.availableReplicas:int
DaemonSet = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:DaemonSetSpec 3.status:DaemonSetStatus
DaemonSetSpec = 1.selector!:LabelSelector 2.template!:PodTemplateSpec 3.updateStrategy:DaemonSetUpdateStrategy 4.minReadySeconds:int 6.revisionHistoryLimit:int=10
DaemonSetUpdateStrategy = 1.type:RollingUpdate|OnDelete=RollingUpdate 2.rollingUpdate:RollingUpdateDaemonSet
RollingUpdateDaemonSet = 1.maxUnavailable:intstr 2.maxSurge:intstr
DaemonSetStatus = 1.currentNumberScheduled:int 2.numberMisscheduled:int 3.desiredNumberScheduled:int 4.numberReady:int 5.observedGeneration:int 6.updatedNumberScheduled:int 7.numberAvailable:int 8.numberUnavailable:int 9.collisionCount:int 10.conditions:[WorkloadCondition]@type
ControllerRevision = apiVersion:string kind:string 1.metadata:ObjectMeta 2.data:any 3.revision:int
Job = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:JobSpec 3.status:JobStatus
JobTemplateSpec = 1.metadata:ObjectMeta 2.spec!:JobSpec
JobSpec = 1.parallelism:int 2.completions:int 3.activeDeadlineSeconds:int 11.podFailurePolicy:any 16.successPolicy:any 7.backoffLimit:int 12.backoffLimitPerIndex:int 13.maxFailedIndexes:int 4.selector:LabelSelector 5.manualSelector:bool 6.template!:PodTemplateSpec 8.ttlSecondsAfterFinished:int 9.completionMode:NonIndexed|Indexed=NonIndexed 10.suspend:bool=false 14.podReplacementPolicy:TerminatingOrFailed|Failed 15.managedBy:string
JobStatus = 1.conditions:[JobCondition]@type 2.startTime:time 3.completionTime:time 4.active:int 5.succeeded:int 6.failed:int 11.terminating:int 7.completedIndexes:string 10.failedIndexes:string 8.uncountedTerminatedPods:any 9.ready:int
JobCondition = 1.type!:string 2.status!:string 3.lastProbeTime:time 4.lastTransitionTime:time 5.reason:string 6.message:string
CronJob = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:CronJobSpec 3.status:CronJobStatus
CronJobSpec = 1.schedule!:string 8.timeZone:string 2.startingDeadlineSeconds:int 3.concurrencyPolicy:Allow|Forbid|Replace=Allow 4.suspend:bool=false 5.jobTemplate!:JobTemplateSpec 6.successfulJobsHistoryLimit:int=3 7.failedJobsHistoryLimit:int=1
CronJobStatus = 1.active:[ObjectReference] 4.lastScheduleTime:time 5.lastSuccessfulTime:time
EndpointSlice = apiVersion:string kind:string 1.metadata:ObjectMeta 4.addressType!:IPv4|IPv6|FQDN 2.endpoints:[Endpoint] 3.ports:[EndpointSlicePort]
Endpoint = 1.addresses!:[string] 2.conditions:EndpointConditions 3.hostname:string 4.targetRef:ObjectReference 5.deprecatedTopology:{string} 6.nodeName:string 7.zone:string 8.hints:EndpointHints
EndpointConditions = 1.ready:bool 2.serving:bool 3.terminating:bool
EndpointHints = 1.forZones:[ForZone] 2.forNodes:[ForZone]
ForZone = 1.name!:string
EndpointSlicePort = 1.name:string 2.protocol:TCP|UDP|SCTP=TCP 3.port:int 4.appProtocol:string
Lease = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:LeaseSpec
LeaseSpec = 1.holderIdentity:string 2.leaseDurationSeconds:int 3.acquireTime:time 4.renewTime:time 5.leaseTransitions:int 6.strategy:string 7.preferredHolder:string
PodDisruptionBudget = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:PodDisruptionBudgetSpec 3.status:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec = 1.minAvailable:intstr 2.selector:LabelSelector 3.maxUnavailable:intstr 4.unhealthyPodEvictionPolicy:IfHealthyBudget|AlwaysAllow
PodDisruptionBudgetStatus = 1.observedGeneration:int 2.disruptedPods:{time} 3.disruptionsAllowed:int 4.currentHealthy:int 5.desiredHealthy:int 6.expectedPods:int 7.conditions:[Condition]@type
Scale = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:ScaleSpec 3.status:ScaleStatus
ScaleSpec = 1.replicas:int
ScaleStatus = 1.replicas:int 2.selector:string
`;
