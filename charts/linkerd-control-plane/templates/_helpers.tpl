{{- /* Made from src/manifests by UPDATE_GOLDEN=1 sh scripts/bun test src/manifests/charts; edit the source */ -}}
{{- define "linkerd.lines" -}}
{{- range $name, $value := . }}{{ $name }}={{ $value }}
{{ end }}
{{- end }}
{{- define "linkerd.config" -}}
{{- $values := omit (deepCopy .Values) "global" }}
{{- $_ := set $values.identity.issuer.tls "keyPEM" "" }}
{{- $_ := set $values.proxyInjector "keyPEM" "" }}
{{- $_ := set $values.profileValidator "keyPEM" "" }}
{{- $_ := set $values.policyValidator "keyPEM" "" }}
{{- $_ := set $values "identityTrustDomain" (default $values.clusterDomain $values.identityTrustDomain) }}
{{- toYaml $values }}
{{- end }}
{{- define "linkerd.rules" -}}
{{- if not (or (not (not (empty $.Values.proxyInit.closeWaitTimeoutSecs))) $.Values.proxyInit.runAsRoot) }}
{{- fail "Value \"proxyInit.closeWaitTimeoutSecs\" needs \"proxyInit.runAsRoot\" to be true" }}
{{- end }}
{{- if not (or (not $.Values.proxy.tracing.enabled) (and (not (empty $.Values.proxy.tracing.collector.endpoint)) (not (empty $.Values.proxy.tracing.collector.meshIdentity.serviceAccountName)) (not (empty $.Values.proxy.tracing.collector.meshIdentity.namespace)))) }}
{{- fail "Value \"proxy.tracing.enabled\" needs \"proxy.tracing.collector.endpoint\" and the names in \"proxy.tracing.collector.meshIdentity\"" }}
{{- end }}
{{- if not (or (not $.Values.certManager.enabled) (and $.Values.identity.externalCA (eq $.Values.identity.issuer.scheme "kubernetes.io/tls"))) }}
{{- fail "Value \"certManager.enabled\" needs \"identity.externalCA\" to be true and \"identity.issuer.scheme\" to be \"kubernetes.io/tls\"" }}
{{- end }}
{{- if not (not (contains "{{" $.Values.podMonitor.controller.namespaceSelector)) }}
{{- fail "Value \"podMonitor.controller.namespaceSelector\" has a template; write the YAML of a namespace selector as it is to be" }}
{{- end }}
{{- if not (not (contains "{{" $.Values.podMonitor.serviceMirror.namespaceSelector)) }}
{{- fail "Value \"podMonitor.serviceMirror.namespaceSelector\" has a template; write the YAML of a namespace selector as it is to be" }}
{{- end }}
{{- if not (not (contains "{{" $.Values.podMonitor.proxy.namespaceSelector)) }}
{{- fail "Value \"podMonitor.proxy.namespaceSelector\" has a template; write the YAML of a namespace selector as it is to be" }}
{{- end }}
{{- if not $.Values.enableEndpointSlices }}
{{- fail "Value \"enableEndpointSlices\" is false, but the controllers read EndpointSlices only; leave it true" }}
{{- end }}
{{- if not (not $.Values.enablePSP) }}
{{- fail "Value \"enablePSP\" is true, but Kubernetes has no pod security policies since 1.25; leave it false" }}
{{- end }}
{{- if not (not $.Values.enablePprof) }}
{{- fail "Value \"enablePprof\" is true, but the programs have no Go profiles; see /metrics of their admin ports; leave it false" }}
{{- end }}
{{- if not (not $.Values.controller.tracing.enabled) }}
{{- fail "Value \"controller.tracing.enabled\" is true, but the controllers send no traces; leave it false" }}
{{- end }}
{{- if not (or (not (eq $.Values.identity.issuer.scheme "linkerd.io/tls")) (not (empty (trim $.Values.identity.issuer.tls.crtPEM)))) }}
{{- fail "Value \"identity.issuer.tls.crtPEM\" is needed in the scheme \"linkerd.io/tls\": the certificate by which identities are signed" }}
{{- end }}
{{- if not (or (not (eq $.Values.identity.issuer.scheme "linkerd.io/tls")) (not (empty (trim $.Values.identity.issuer.tls.keyPEM)))) }}
{{- fail "Value \"identity.issuer.tls.keyPEM\" is needed in the scheme \"linkerd.io/tls\": the key by which identities are signed" }}
{{- end }}
{{- if not (or $.Values.identity.externalCA (not (empty (trim $.Values.identityTrustAnchorsPEM)))) }}
{{- fail "Value \"identityTrustAnchorsPEM\" is needed: the certificates that proxies trust" }}
{{- end }}
{{- if not (or (or $.Values.profileValidator.externalSecret $.Values.certManager.enabled) (and (not (or $.Values.profileValidator.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.profileValidator.crtPEM))) (not $.Values.identity.externalCA)) (and (not (empty $.Values.profileValidator.crtPEM)) (not (empty $.Values.profileValidator.keyPEM)))) }}
{{- fail "Value \"profileValidator.crtPEM\" and its \"keyPEM\" are needed with \"identity.externalCA\": the webhook's certificate for its Service; or set \"profileValidator.externalSecret\" and one of \"caBundle\" and \"injectCaFrom\", or \"certManager.enabled\"" }}
{{- end }}
{{- if not (or (not (and (not (or $.Values.profileValidator.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.profileValidator.crtPEM))) (not $.Values.identity.externalCA))) $.Values.identity.serviceAccountTokenProjection) }}
{{- fail "Value \"profileValidator.crtPEM\" and its \"keyPEM\" are needed without \"identity.serviceAccountTokenProjection\"" }}
{{- end }}
{{- if not (or (or (not (empty $.Values.profileValidator.injectCaFrom)) (not (empty $.Values.profileValidator.injectCaFromSecret)) $.Values.certManager.enabled) (not (empty (ternary (trim $.Values.identityTrustAnchorsPEM) (default (trim $.Values.profileValidator.crtPEM) (trim $.Values.profileValidator.caBundle)) (and (not (or $.Values.profileValidator.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.profileValidator.crtPEM))) (not $.Values.identity.externalCA)))))) }}
{{- fail "Value \"profileValidator.caBundle\" is needed (or \"injectCaFrom\"): the API server checks the webhook's certificate by it" }}
{{- end }}
{{- if not (or (or $.Values.policyValidator.externalSecret $.Values.certManager.enabled) (and (not (or $.Values.policyValidator.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.policyValidator.crtPEM))) (not $.Values.identity.externalCA)) (and (not (empty $.Values.policyValidator.crtPEM)) (not (empty $.Values.policyValidator.keyPEM)))) }}
{{- fail "Value \"policyValidator.crtPEM\" and its \"keyPEM\" are needed with \"identity.externalCA\": the webhook's certificate for its Service; or set \"policyValidator.externalSecret\" and one of \"caBundle\" and \"injectCaFrom\", or \"certManager.enabled\"" }}
{{- end }}
{{- if not (or (not (and (not (or $.Values.policyValidator.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.policyValidator.crtPEM))) (not $.Values.identity.externalCA))) $.Values.identity.serviceAccountTokenProjection) }}
{{- fail "Value \"policyValidator.crtPEM\" and its \"keyPEM\" are needed without \"identity.serviceAccountTokenProjection\"" }}
{{- end }}
{{- if not (or (or (not (empty $.Values.policyValidator.injectCaFrom)) (not (empty $.Values.policyValidator.injectCaFromSecret)) $.Values.certManager.enabled) (not (empty (ternary (trim $.Values.identityTrustAnchorsPEM) (default (trim $.Values.policyValidator.crtPEM) (trim $.Values.policyValidator.caBundle)) (and (not (or $.Values.policyValidator.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.policyValidator.crtPEM))) (not $.Values.identity.externalCA)))))) }}
{{- fail "Value \"policyValidator.caBundle\" is needed (or \"injectCaFrom\"): the API server checks the webhook's certificate by it" }}
{{- end }}
{{- if not (or (or $.Values.proxyInjector.externalSecret $.Values.certManager.enabled) (and (not (or $.Values.proxyInjector.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.proxyInjector.crtPEM))) (not $.Values.identity.externalCA)) (and (not (empty $.Values.proxyInjector.crtPEM)) (not (empty $.Values.proxyInjector.keyPEM)))) }}
{{- fail "Value \"proxyInjector.crtPEM\" and its \"keyPEM\" are needed with \"identity.externalCA\": the webhook's certificate for its Service; or set \"proxyInjector.externalSecret\" and one of \"caBundle\" and \"injectCaFrom\", or \"certManager.enabled\"" }}
{{- end }}
{{- if not (or (not (and (not (or $.Values.proxyInjector.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.proxyInjector.crtPEM))) (not $.Values.identity.externalCA))) $.Values.identity.serviceAccountTokenProjection) }}
{{- fail "Value \"proxyInjector.crtPEM\" and its \"keyPEM\" are needed without \"identity.serviceAccountTokenProjection\"" }}
{{- end }}
{{- if not (or (or (not (empty $.Values.proxyInjector.injectCaFrom)) (not (empty $.Values.proxyInjector.injectCaFromSecret)) $.Values.certManager.enabled) (not (empty (ternary (trim $.Values.identityTrustAnchorsPEM) (default (trim $.Values.proxyInjector.crtPEM) (trim $.Values.proxyInjector.caBundle)) (and (not (or $.Values.proxyInjector.externalSecret $.Values.certManager.enabled)) (not (not (empty $.Values.proxyInjector.crtPEM))) (not $.Values.identity.externalCA)))))) }}
{{- fail "Value \"proxyInjector.caBundle\" is needed (or \"injectCaFrom\"): the API server checks the webhook's certificate by it" }}
{{- end }}
{{- end }}
