/** The core group, v1 (Kubernetes API reference 1.34). Volume kinds that the cluster can't serve are left out and refused. */
export const coreTypes = `
Pod = apiVersion:string kind:string metadata:ObjectMeta spec!:PodSpec status:PodStatus
PodTemplateSpec = metadata:ObjectMeta spec!:PodSpec
PodSpec = volumes:[Volume]@name initContainers:[Container]@name containers!:[Container]@name ephemeralContainers:[EphemeralContainer]@name restartPolicy:Always|OnFailure|Never=Always terminationGracePeriodSeconds:int=30 activeDeadlineSeconds:int dnsPolicy:ClusterFirst|ClusterFirstWithHostNet|Default|None=ClusterFirst nodeSelector:{string} serviceAccountName:string serviceAccount:string automountServiceAccountToken:bool nodeName:string hostNetwork:bool hostPID:bool hostIPC:bool shareProcessNamespace:bool securityContext:PodSecurityContext imagePullSecrets:[LocalObjectReference]@name hostname:string subdomain:string affinity:any schedulerName:string=default-scheduler tolerations:[Toleration] hostAliases:[HostAlias]@ip priorityClassName:string priority:int dnsConfig:PodDNSConfig readinessGates:[PodReadinessGate] runtimeClassName:string enableServiceLinks:bool=true preemptionPolicy:string overhead:{quantity} topologySpreadConstraints:[TopologySpreadConstraint] setHostnameAsFQDN:bool os:PodOS hostUsers:bool schedulingGates:[PodSchedulingGate]@name resourceClaims:[any] resources:ResourceRequirements
PodOS = name!:string
PodSchedulingGate = name!:string
PodReadinessGate = conditionType!:string
HostAlias = ip!:string hostnames:[string]
PodDNSConfig = nameservers:[string] searches:[string] options:[PodDNSConfigOption]
PodDNSConfigOption = name:string value:string
Toleration = key:string operator:Exists|Equal value:string effect:NoSchedule|PreferNoSchedule|NoExecute tolerationSeconds:int
TopologySpreadConstraint = maxSkew!:int topologyKey!:string whenUnsatisfiable!:DoNotSchedule|ScheduleAnyway labelSelector:LabelSelector minDomains:int nodeAffinityPolicy:string nodeTaintsPolicy:string matchLabelKeys:[string]
PodSecurityContext = seLinuxOptions:any windowsOptions:any runAsUser:int runAsGroup:int runAsNonRoot:bool supplementalGroups:[int] supplementalGroupsPolicy:string fsGroup:int sysctls:[Sysctl] fsGroupChangePolicy:string seccompProfile:SeccompProfile appArmorProfile:AppArmorProfile seLinuxChangePolicy:string
Sysctl = name!:string value!:string
SeccompProfile = type!:Localhost|RuntimeDefault|Unconfined localhostProfile:string
AppArmorProfile = type!:Localhost|RuntimeDefault|Unconfined localhostProfile:string
Container = name!:string image:string command:[string] args:[string] workingDir:string ports:[ContainerPort]@containerPort envFrom:[EnvFromSource] env:[EnvVar]@name resources:ResourceRequirements resizePolicy:[any] restartPolicy:string restartPolicyRules:[any] volumeMounts:[VolumeMount]@mountPath volumeDevices:[any] livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:string=/dev/termination-log terminationMessagePolicy:File|FallbackToLogsOnError=File imagePullPolicy:Always|Never|IfNotPresent securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool
EphemeralContainer = name!:string image:string command:[string] args:[string] workingDir:string ports:[ContainerPort] envFrom:[EnvFromSource] env:[EnvVar]@name resources:ResourceRequirements volumeMounts:[VolumeMount]@mountPath terminationMessagePath:string terminationMessagePolicy:string imagePullPolicy:string securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool targetContainerName:string
ContainerPort = name:string hostPort:int containerPort!:int hostIP:string protocol:TCP|UDP|SCTP=TCP
EnvFromSource = prefix:string configMapRef:ConfigMapEnvSource secretRef:SecretEnvSource
ConfigMapEnvSource = name:string optional:bool
SecretEnvSource = name:string optional:bool
EnvVar = name!:string value:string valueFrom:EnvVarSource
EnvVarSource = fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector configMapKeyRef:KeySelector secretKeyRef:KeySelector
ObjectFieldSelector = apiVersion:string=v1 fieldPath!:string
ResourceFieldSelector = containerName:string resource!:string divisor:quantity
KeySelector = name:string key!:string optional:bool
ResourceRequirements = limits:{quantity} requests:{quantity} claims:[any]
VolumeMount = name!:string readOnly:bool recursiveReadOnly:string mountPath!:string subPath:string mountPropagation:string subPathExpr:string
Probe = exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction initialDelaySeconds:int timeoutSeconds:int=1 periodSeconds:int=10 successThreshold:int=1 failureThreshold:int=3 terminationGracePeriodSeconds:int
ExecAction = command:[string]
HTTPGetAction = path:string=/ port!:intstr host:string scheme:HTTP|HTTPS=HTTP httpHeaders:[HTTPHeader]
HTTPHeader = name!:string value:string
TCPSocketAction = port!:intstr host:string
GRPCAction = port!:int service:string
SleepAction = seconds!:int
Lifecycle = postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:string
LifecycleHandler = exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction sleep:SleepAction
SecurityContext = capabilities:Capabilities privileged:bool seLinuxOptions:any windowsOptions:any runAsUser:int runAsGroup:int runAsNonRoot:bool readOnlyRootFilesystem:bool allowPrivilegeEscalation:bool procMount:string seccompProfile:SeccompProfile appArmorProfile:AppArmorProfile
Capabilities = add:[string] drop:[string]
Volume = name!:string emptyDir:EmptyDirVolumeSource hostPath:HostPathVolumeSource secret:SecretVolumeSource configMap:ConfigMapVolumeSource downwardAPI:DownwardAPIVolumeSource projected:ProjectedVolumeSource persistentVolumeClaim:any csi:any nfs:any ephemeral:any image:any
EmptyDirVolumeSource = medium:string sizeLimit:quantity
HostPathVolumeSource = path!:string type:string
SecretVolumeSource = secretName:string items:[KeyToPath] defaultMode:int=420 optional:bool
ConfigMapVolumeSource = name:string items:[KeyToPath] defaultMode:int=420 optional:bool
KeyToPath = key!:string path!:string mode:int
DownwardAPIVolumeSource = items:[DownwardAPIVolumeFile] defaultMode:int=420
DownwardAPIVolumeFile = path!:string fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector mode:int
ProjectedVolumeSource = sources:[VolumeProjection] defaultMode:int=420
VolumeProjection = secret:SecretProjection configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection serviceAccountToken:ServiceAccountTokenProjection clusterTrustBundle:any
SecretProjection = name:string items:[KeyToPath] optional:bool
ConfigMapProjection = name:string items:[KeyToPath] optional:bool
DownwardAPIProjection = items:[DownwardAPIVolumeFile]
ServiceAccountTokenProjection = audience:string expirationSeconds:int=3600 path!:string
PodStatus = observedGeneration:int phase:string conditions:[PodCondition]@type message:string reason:string nominatedNodeName:string hostIP:string hostIPs:[HostIP]@ip podIP:string podIPs:[PodIP]@ip startTime:time initContainerStatuses:[ContainerStatus] containerStatuses:[ContainerStatus] ephemeralContainerStatuses:[ContainerStatus] qosClass:string resize:string
PodCondition = type!:string observedGeneration:int status!:string lastProbeTime:time lastTransitionTime:time reason:string message:string
HostIP = ip:string
PodIP = ip:string
ContainerStatus = name!:string state:ContainerState lastState:ContainerState ready:bool restartCount:int image:string imageID:string containerID:string started:bool allocatedResources:{quantity} resources:ResourceRequirements volumeMounts:[any] user:any allocatedResourcesStatus:[any]
ContainerState = waiting:ContainerStateWaiting running:ContainerStateRunning terminated:ContainerStateTerminated
ContainerStateWaiting = reason:string message:string
ContainerStateRunning = startedAt:time
ContainerStateTerminated = exitCode:int signal:int reason:string message:string startedAt:time finishedAt:time containerID:string
Service = apiVersion:string kind:string metadata:ObjectMeta spec!:ServiceSpec status:ServiceStatus
ServiceSpec = ports:[ServicePort]@port selector:{string} clusterIP:string clusterIPs:[string] type:ClusterIP|NodePort|LoadBalancer|ExternalName=ClusterIP externalIPs:[string] sessionAffinity:ClientIP|None=None loadBalancerIP:string loadBalancerSourceRanges:[string] externalName:string externalTrafficPolicy:Cluster|Local healthCheckNodePort:int publishNotReadyAddresses:bool sessionAffinityConfig:any ipFamilies:[string] ipFamilyPolicy:string allocateLoadBalancerNodePorts:bool loadBalancerClass:string internalTrafficPolicy:Cluster|Local trafficDistribution:string
ServicePort = name:string protocol:TCP|UDP|SCTP=TCP appProtocol:string port!:int targetPort:intstr nodePort:int
ServiceStatus = loadBalancer:any conditions:[Condition]@type
Endpoints = apiVersion:string kind:string metadata:ObjectMeta subsets:[EndpointSubset]
EndpointSubset = addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
EndpointAddress = ip!:string hostname:string nodeName:string targetRef:ObjectReference
EndpointPort = name:string port:int protocol:TCP|UDP|SCTP=TCP appProtocol:string
ConfigMap = apiVersion:string kind:string metadata:ObjectMeta immutable:bool data:{string} binaryData:{bytes}
Secret = apiVersion:string kind:string metadata:ObjectMeta immutable:bool data:{bytes} stringData:{string} type:string=Opaque
ServiceAccount = apiVersion:string kind:string metadata:ObjectMeta secrets:[ObjectReference]@name imagePullSecrets:[LocalObjectReference]@name automountServiceAccountToken:bool
Namespace = apiVersion:string kind:string metadata:ObjectMeta spec:NamespaceSpec status:NamespaceStatus
NamespaceSpec = finalizers:[string]
NamespaceStatus = phase:string conditions:[Condition]@type
Node = apiVersion:string kind:string metadata:ObjectMeta spec:NodeSpec status:NodeStatus
NodeSpec = podCIDR:string podCIDRs:[string]@ providerID:string unschedulable:bool taints:[Taint] configSource:any externalID:string
Taint = key!:string value:string effect!:NoSchedule|PreferNoSchedule|NoExecute timeAdded:time
NodeStatus = capacity:{quantity} allocatable:{quantity} phase:string conditions:[NodeCondition]@type addresses:[NodeAddress]@type daemonEndpoints:any nodeInfo:NodeSystemInfo images:[any] volumesInUse:[string] volumesAttached:[any] config:any runtimeHandlers:[any] features:any
NodeCondition = type!:string status!:string lastHeartbeatTime:time lastTransitionTime:time reason:string message:string
NodeAddress = type!:string address!:string
NodeSystemInfo = machineID:string systemUUID:string bootID:string kernelVersion:string osImage:string containerRuntimeVersion:string kubeletVersion:string kubeProxyVersion:string operatingSystem:string architecture:string swap:any
Event = apiVersion:string kind:string metadata:ObjectMeta involvedObject:ObjectReference reason:string message:string source:EventSource firstTimestamp:time lastTimestamp:time count:int type:string eventTime:time series:any action:string related:ObjectReference reportingComponent:string reportingInstance:string
EventSource = component:string host:string
`;
