/** The core group, v1 (Kubernetes API reference 1.34). Volume kinds that the cluster can't serve are left out and refused. */
export const coreTypes = `
Pod = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:PodSpec 3.status:PodStatus
PodTemplateSpec = 1.metadata:ObjectMeta 2.spec!:PodSpec
PodSpec = 1.volumes:[Volume]@name 20.initContainers:[Container]@name 2.containers!:[Container]@name 34.ephemeralContainers:[EphemeralContainer]@name 3.restartPolicy:Always|OnFailure|Never=Always 4.terminationGracePeriodSeconds:int=30 5.activeDeadlineSeconds:int 6.dnsPolicy:ClusterFirst|ClusterFirstWithHostNet|Default|None=ClusterFirst 7.nodeSelector:{string} 8.serviceAccountName:string 9.serviceAccount:string 21.automountServiceAccountToken:bool 10.nodeName:string 11.hostNetwork:bool 12.hostPID:bool 13.hostIPC:bool 27.shareProcessNamespace:bool 14.securityContext:PodSecurityContext 15.imagePullSecrets:[LocalObjectReference]@name 16.hostname:string 17.subdomain:string 18.affinity:any 19.schedulerName:string=default-scheduler 22.tolerations:[Toleration] 23.hostAliases:[HostAlias]@ip 24.priorityClassName:string 25.priority:int 26.dnsConfig:PodDNSConfig 28.readinessGates:[PodReadinessGate] 29.runtimeClassName:string 30.enableServiceLinks:bool=true 31.preemptionPolicy:string 32.overhead:{quantity} 33.topologySpreadConstraints:[TopologySpreadConstraint] 35.setHostnameAsFQDN:bool 36.os:PodOS 37.hostUsers:bool 38.schedulingGates:[PodSchedulingGate]@name 39.resourceClaims:[any] 40.resources:ResourceRequirements
PodOS = 1.name!:string
PodSchedulingGate = 1.name!:string
PodReadinessGate = 1.conditionType!:string
HostAlias = 1.ip!:string 2.hostnames:[string]
PodDNSConfig = 1.nameservers:[string] 2.searches:[string] 3.options:[PodDNSConfigOption]
PodDNSConfigOption = 1.name:string 2.value:string
Toleration = 1.key:string 2.operator:Exists|Equal 3.value:string 4.effect:NoSchedule|PreferNoSchedule|NoExecute 5.tolerationSeconds:int
TopologySpreadConstraint = 1.maxSkew!:int 2.topologyKey!:string 3.whenUnsatisfiable!:DoNotSchedule|ScheduleAnyway 4.labelSelector:LabelSelector 5.minDomains:int 6.nodeAffinityPolicy:string 7.nodeTaintsPolicy:string 8.matchLabelKeys:[string]
PodSecurityContext = 1.seLinuxOptions:any 8.windowsOptions:any 2.runAsUser:int 6.runAsGroup:int 3.runAsNonRoot:bool 4.supplementalGroups:[int] 12.supplementalGroupsPolicy:string 5.fsGroup:int 7.sysctls:[Sysctl] 9.fsGroupChangePolicy:string 10.seccompProfile:SeccompProfile 11.appArmorProfile:AppArmorProfile 13.seLinuxChangePolicy:string
Sysctl = 1.name!:string 2.value!:string
SeccompProfile = 1.type!:Localhost|RuntimeDefault|Unconfined 2.localhostProfile:string
AppArmorProfile = 1.type!:Localhost|RuntimeDefault|Unconfined 2.localhostProfile:string
Container = 1.name!:string 2.image:string 3.command:[string] 4.args:[string] 5.workingDir:string 6.ports:[ContainerPort]@containerPort 19.envFrom:[EnvFromSource] 7.env:[EnvVar]@name 8.resources:ResourceRequirements 23.resizePolicy:[any] 24.restartPolicy:string 25.restartPolicyRules:[any] 9.volumeMounts:[VolumeMount]@mountPath 21.volumeDevices:[any] 10.livenessProbe:Probe 11.readinessProbe:Probe 22.startupProbe:Probe 12.lifecycle:Lifecycle 13.terminationMessagePath:string=/dev/termination-log 20.terminationMessagePolicy:File|FallbackToLogsOnError=File 14.imagePullPolicy:Always|Never|IfNotPresent 15.securityContext:SecurityContext 16.stdin:bool 17.stdinOnce:bool 18.tty:bool
EphemeralContainer = 1.1.name!:string 1.2.image:string 1.3.command:[string] 1.4.args:[string] 1.5.workingDir:string 1.6.ports:[ContainerPort] 1.19.envFrom:[EnvFromSource] 1.7.env:[EnvVar]@name 1.8.resources:ResourceRequirements 1.9.volumeMounts:[VolumeMount]@mountPath 1.13.terminationMessagePath:string 1.20.terminationMessagePolicy:string 1.14.imagePullPolicy:string 1.15.securityContext:SecurityContext 1.16.stdin:bool 1.17.stdinOnce:bool 1.18.tty:bool 2.targetContainerName:string
ContainerPort = 1.name:string 2.hostPort:int 3.containerPort!:int 5.hostIP:string 4.protocol:TCP|UDP|SCTP=TCP
EnvFromSource = 1.prefix:string 2.configMapRef:ConfigMapEnvSource 3.secretRef:SecretEnvSource
ConfigMapEnvSource = 1.1.name:string 2.optional:bool
SecretEnvSource = 1.1.name:string 2.optional:bool
EnvVar = 1.name!:string 2.value:string 3.valueFrom:EnvVarSource
EnvVarSource = 1.fieldRef:ObjectFieldSelector 2.resourceFieldRef:ResourceFieldSelector 3.configMapKeyRef:KeySelector 4.secretKeyRef:KeySelector
ObjectFieldSelector = 1.apiVersion:string=v1 2.fieldPath!:string
ResourceFieldSelector = 1.containerName:string 2.resource!:string 3.divisor:quantity
KeySelector = 1.1.name:string 2.key!:string 3.optional:bool
ResourceRequirements = 1.limits:{quantity} 2.requests:{quantity} 3.claims:[any]
VolumeMount = 1.name!:string 2.readOnly:bool 7.recursiveReadOnly:string 3.mountPath!:string 4.subPath:string 5.mountPropagation:string 6.subPathExpr:string
Probe = 1.1.exec:ExecAction 1.2.httpGet:HTTPGetAction 1.3.tcpSocket:TCPSocketAction 1.4.grpc:GRPCAction 2.initialDelaySeconds:int 3.timeoutSeconds:int=1 4.periodSeconds:int=10 5.successThreshold:int=1 6.failureThreshold:int=3 7.terminationGracePeriodSeconds:int
ExecAction = 1.command:[string]
HTTPGetAction = 1.path:string=/ 2.port!:intstr 3.host:string 4.scheme:HTTP|HTTPS=HTTP 5.httpHeaders:[HTTPHeader]
HTTPHeader = 1.name!:string 2.value:string
TCPSocketAction = 1.port!:intstr 2.host:string
GRPCAction = 1.port!:int 2.service:string
SleepAction = 1.seconds!:int
Lifecycle = 1.postStart:LifecycleHandler 2.preStop:LifecycleHandler 3.stopSignal:string
LifecycleHandler = 1.exec:ExecAction 2.httpGet:HTTPGetAction 3.tcpSocket:TCPSocketAction 4.sleep:SleepAction
SecurityContext = 1.capabilities:Capabilities 2.privileged:bool 3.seLinuxOptions:any 10.windowsOptions:any 4.runAsUser:int 8.runAsGroup:int 5.runAsNonRoot:bool 6.readOnlyRootFilesystem:bool 7.allowPrivilegeEscalation:bool 9.procMount:string 11.seccompProfile:SeccompProfile 12.appArmorProfile:AppArmorProfile
Capabilities = 1.add:[string] 2.drop:[string]
Volume = 1.name!:string 2.2.emptyDir:EmptyDirVolumeSource 2.1.hostPath:HostPathVolumeSource 2.6.secret:SecretVolumeSource 2.19.configMap:ConfigMapVolumeSource 2.16.downwardAPI:DownwardAPIVolumeSource 2.26.projected:ProjectedVolumeSource 2.10.persistentVolumeClaim:any 2.28.csi:any 2.7.nfs:any 2.29.ephemeral:any 2.30.image:any
EmptyDirVolumeSource = 1.medium:string 2.sizeLimit:quantity
HostPathVolumeSource = 1.path!:string 2.type:string
SecretVolumeSource = 1.secretName:string 2.items:[KeyToPath] 3.defaultMode:int=420 4.optional:bool
ConfigMapVolumeSource = 1.1.name:string 2.items:[KeyToPath] 3.defaultMode:int=420 4.optional:bool
KeyToPath = 1.key!:string 2.path!:string 3.mode:int
DownwardAPIVolumeSource = 1.items:[DownwardAPIVolumeFile] 2.defaultMode:int=420
DownwardAPIVolumeFile = 1.path!:string 2.fieldRef:ObjectFieldSelector 3.resourceFieldRef:ResourceFieldSelector 4.mode:int
ProjectedVolumeSource = 1.sources:[VolumeProjection] 2.defaultMode:int=420
VolumeProjection = 1.secret:SecretProjection 3.configMap:ConfigMapProjection 2.downwardAPI:DownwardAPIProjection 4.serviceAccountToken:ServiceAccountTokenProjection 5.clusterTrustBundle:any
SecretProjection = 1.1.name:string 2.items:[KeyToPath] 4.optional:bool
ConfigMapProjection = 1.1.name:string 2.items:[KeyToPath] 4.optional:bool
DownwardAPIProjection = 1.items:[DownwardAPIVolumeFile]
ServiceAccountTokenProjection = 1.audience:string 2.expirationSeconds:int=3600 3.path!:string
PodStatus = 17.observedGeneration:int 1.phase:string 2.conditions:[PodCondition]@type 3.message:string 4.reason:string 11.nominatedNodeName:string 5.hostIP:string 16.hostIPs:[HostIP]@ip 6.podIP:string 12.podIPs:[PodIP]@ip 7.startTime:time 10.initContainerStatuses:[ContainerStatus] 8.containerStatuses:[ContainerStatus] 13.ephemeralContainerStatuses:[ContainerStatus] 9.qosClass:string 14.resize:string
PodCondition = 1.type!:string 7.observedGeneration:int 2.status!:string 3.lastProbeTime:time 4.lastTransitionTime:time 5.reason:string 6.message:string
HostIP = 1.ip:string
PodIP = 1.ip:string
ContainerStatus = 1.name!:string 2.state:ContainerState 3.lastState:ContainerState 4.ready:bool 5.restartCount:int 6.image:string 7.imageID:string 8.containerID:string 9.started:bool 10.allocatedResources:{quantity} 11.resources:ResourceRequirements 12.volumeMounts:[any] 13.user:any 14.allocatedResourcesStatus:[any]
ContainerState = 1.waiting:ContainerStateWaiting 2.running:ContainerStateRunning 3.terminated:ContainerStateTerminated
ContainerStateWaiting = 1.reason:string 2.message:string
ContainerStateRunning = 1.startedAt:time
ContainerStateTerminated = 1.exitCode:int 2.signal:int 3.reason:string 4.message:string 5.startedAt:time 6.finishedAt:time 7.containerID:string
Service = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec!:ServiceSpec 3.status:ServiceStatus
ServiceSpec = 1.ports:[ServicePort]@port 2.selector:{string} 3.clusterIP:string 18.clusterIPs:[string] 4.type:ClusterIP|NodePort|LoadBalancer|ExternalName=ClusterIP 5.externalIPs:[string] 7.sessionAffinity:ClientIP|None=None 8.loadBalancerIP:string 9.loadBalancerSourceRanges:[string] 10.externalName:string 11.externalTrafficPolicy:Cluster|Local 12.healthCheckNodePort:int 13.publishNotReadyAddresses:bool 14.sessionAffinityConfig:any 19.ipFamilies:[string] 17.ipFamilyPolicy:string 20.allocateLoadBalancerNodePorts:bool 21.loadBalancerClass:string 22.internalTrafficPolicy:Cluster|Local 23.trafficDistribution:string
ServicePort = 1.name:string 2.protocol:TCP|UDP|SCTP=TCP 6.appProtocol:string 3.port!:int 4.targetPort:intstr 5.nodePort:int
ServiceStatus = 1.loadBalancer:LoadBalancerStatus 2.conditions:[Condition]@type
LoadBalancerStatus = 1.ingress:[LoadBalancerIngress]
LoadBalancerIngress = 1.ip:string 2.hostname:string 3.ipMode:string ports:[any]
Endpoints = apiVersion:string kind:string 1.metadata:ObjectMeta 2.subsets:[EndpointSubset]
EndpointSubset = 1.addresses:[EndpointAddress] 2.notReadyAddresses:[EndpointAddress] 3.ports:[EndpointPort]
EndpointAddress = 1.ip!:string 3.hostname:string 4.nodeName:string 2.targetRef:ObjectReference
EndpointPort = 1.name:string 2.port:int 3.protocol:TCP|UDP|SCTP=TCP 4.appProtocol:string
ConfigMap = apiVersion:string kind:string 1.metadata:ObjectMeta 4.immutable:bool 2.data:{string} 3.binaryData:{bytes}
Secret = apiVersion:string kind:string 1.metadata:ObjectMeta 5.immutable:bool 2.data:{bytes} 4.stringData:{string} 3.type:string=Opaque
ServiceAccount = apiVersion:string kind:string 1.metadata:ObjectMeta 2.secrets:[ObjectReference]@name 3.imagePullSecrets:[LocalObjectReference]@name 4.automountServiceAccountToken:bool
Namespace = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:NamespaceSpec 3.status:NamespaceStatus
NamespaceSpec = 1.finalizers:[string]
NamespaceStatus = 1.phase:string 2.conditions:[Condition]@type
Node = apiVersion:string kind:string 1.metadata:ObjectMeta 2.spec:NodeSpec 3.status:NodeStatus
NodeSpec = 1.podCIDR:string 7.podCIDRs:[string]@ 3.providerID:string 4.unschedulable:bool 5.taints:[Taint] 6.configSource:any 2.externalID:string
Taint = 1.key!:string 2.value:string 3.effect!:NoSchedule|PreferNoSchedule|NoExecute 4.timeAdded:time
NodeStatus = 1.capacity:{quantity} 2.allocatable:{quantity} 3.phase:string 4.conditions:[NodeCondition]@type 5.addresses:[NodeAddress]@type 6.daemonEndpoints:any 7.nodeInfo:NodeSystemInfo 8.images:[any] 9.volumesInUse:[string] 10.volumesAttached:[any] 11.config:any 12.runtimeHandlers:[any] 13.features:any
NodeCondition = 1.type!:string 2.status!:string 3.lastHeartbeatTime:time 4.lastTransitionTime:time 5.reason:string 6.message:string
NodeAddress = 1.type!:string 2.address!:string
NodeSystemInfo = 1.machineID:string 2.systemUUID:string 3.bootID:string 4.kernelVersion:string 5.osImage:string 6.containerRuntimeVersion:string 7.kubeletVersion:string 8.kubeProxyVersion:string 9.operatingSystem:string 10.architecture:string 11.swap:any
Event = apiVersion:string kind:string 1.metadata:ObjectMeta 2.involvedObject:ObjectReference 3.reason:string 4.message:string 5.source:EventSource 6.firstTimestamp:time 7.lastTimestamp:time 8.count:int 9.type:string 10.eventTime:time 11.series:any 12.action:string 13.related:ObjectReference 14.reportingComponent:string 15.reportingInstance:string
EventSource = 1.component:string 2.host:string
`;
