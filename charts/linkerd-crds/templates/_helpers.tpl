{{- define "linkerd.rules" -}}
{{- if not (not $.Values.installGatewayAPI) }}
{{- fail "Value \"installGatewayAPI\" is true, but Gateway API's resources are not part of this; apply a release of https://github.com/kubernetes-sigs/gateway-api and leave it false" }}
{{- end }}
{{- end }}
