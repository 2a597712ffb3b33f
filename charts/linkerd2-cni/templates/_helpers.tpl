{{- define "linkerd.rules" -}}
{{- if not (not $.Values.enablePSP) }}
{{- fail "Value \"enablePSP\" is true, but Kubernetes has no pod security policies since 1.25; leave it false" }}
{{- end }}
{{- end }}
