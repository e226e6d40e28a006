{{/* hazstream's settings file, and numbers that objects take from it. */}}

{{/* A duration as hazstream writes it (`90s`, `1h30m`) → milliseconds. */}}
{{- define "hazstream.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- $total := 0 -}}
{{- range $part := regexFindAll "[0-9]+[a-z]+" (toString .) -1 -}}
{{- $unit := regexFind "[a-z]+" $part -}}
{{- $total = add $total (mul (regexFind "[0-9]+" $part | atoi) (get $units $unit | default 0)) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{/* The same, rounded up to whole seconds. */}}
{{- define "hazstream.seconds" -}}
{{- div (add (include "hazstream.milliseconds" . | int64) 999) 1000 -}}
{{- end -}}

{{/* hazstream's defaults for settings that objects are made from; a test holds them to the program's own. */}}
{{- define "hazstream.default" -}}
{{- $defaults := dict
  "commit_interval" "100ms"
  "workers" 1
  "kafka.transaction_timeout" "10s"
  "kafka.topic_prefix" "hazard."
  "kafka.inputs" (list "sensors" "inspections" "items" "records" "commands")
  "topics.partitions" 6
  "topics.replication_factor" 0
  "topics.min_insync_replicas" 0
  "topics.input_retention" "7d"
  "topics.output_retention" "365d"
-}}
{{- get $defaults . | toJson -}}
{{- end -}}

{{/* One setting, as JSON: (list . "topics.partitions"). */}}
{{- define "hazstream.setting" -}}
{{- $key := index . 1 -}}
{{- $value := (index . 0).Values.settings -}}
{{- range $name := splitList "." $key -}}
{{- if kindIs "map" $value -}}{{- $value = get $value $name -}}{{- else -}}{{- $value = "" -}}{{- end -}}
{{- end -}}
{{- if kindIs "string" $value -}}
{{- if $value -}}{{- toJson $value -}}{{- else -}}{{- include "hazstream.default" $key -}}{{- end -}}
{{- else if kindIs "invalid" $value -}}
{{- include "hazstream.default" $key -}}
{{- else -}}
{{- toJson $value -}}
{{- end -}}
{{- end -}}

{{/* A topic's full name: (list . "sensors"). */}}
{{- define "hazstream.topic" -}}
{{- $kafka := (index . 0).Values.settings.kafka | default dict -}}
{{- $own := get ($kafka.topics | default dict) (index . 1) -}}
{{- $own | default (printf "%s%s" (include "hazstream.setting" (list (index . 0) "kafka.topic_prefix") | trimAll "\"") (index . 1)) -}}
{{- end -}}

{{- define "hazstream.rulesConfigMap" -}}
{{- if .Values.rules.existingConfigMap -}}{{- .Values.rules.existingConfigMap -}}
{{- else if .Values.rules.text -}}{{- printf "%s-rules" (include "hazstream.fullname" .) -}}{{- end -}}
{{- end -}}

{{- define "hazstream.taxonomyConfigMap" -}}
{{- if .Values.taxonomy.existingConfigMap -}}{{- .Values.taxonomy.existingConfigMap -}}
{{- else if .Values.taxonomy.files -}}{{- printf "%s-taxonomy" (include "hazstream.fullname" .) -}}{{- end -}}
{{- end -}}

{{/* What the chart itself sets of librdkafka: how to speak to the brokers, never who we are. */}}
{{- define "hazstream.kafkaProperties" -}}
{{- with .Values.kafka -}}
{{- $protocol := ternary "SASL_" "" (ne .sasl.mechanism "") -}}
security.protocol: {{ printf "%s%s" $protocol (ternary "SSL" "PLAINTEXT" .tls.enabled) }}
{{- with .sasl.mechanism }}
sasl.mechanism: {{ . }}
{{- end }}
{{- if .tls.enabled }}
{{- if .tls.existingSecret }}
ssl.ca.location: /etc/hazstream/tls/{{ .tls.caKey }}
{{- if .tls.certKey }}
ssl.certificate.location: /etc/hazstream/tls/{{ .tls.certKey }}
ssl.key.location: /etc/hazstream/tls/{{ .tls.keyKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* The settings file. */}}
{{- define "hazstream.settingsFile" -}}
{{- $kafka := dict
  "bootstrap_servers" .Values.kafka.bootstrapServers
  "group" (include "hazstream.group" .)
  "properties" (include "hazstream.kafkaProperties" . | fromYaml)
-}}
{{- $own := dict "kafka" $kafka "http" (dict "listen" (printf "0.0.0.0:%d" (int .Values.service.port))) -}}
{{- if include "hazstream.rulesConfigMap" . -}}
{{- $_ := set $own "rules" (dict "file" "/etc/hazstream/rules/rules.yaml") -}}
{{- end -}}
{{- if include "hazstream.taxonomyConfigMap" . -}}
{{- $_ := set $own "taxonomy" (dict "dir" "/etc/hazstream/taxonomy") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.settings) $own | toYaml -}}
{{- end -}}

{{- define "hazstream.graceSeconds" -}}
{{- $commit := include "hazstream.setting" (list . "commit_interval") | trimAll "\"" -}}
{{- $transaction := include "hazstream.setting" (list . "kafka.transaction_timeout") | trimAll "\"" -}}
{{- $sum := add .Values.lifecycle.preStopSeconds (include "hazstream.seconds" $commit | int) (include "hazstream.seconds" $transaction | int) 10 -}}
{{- .Values.lifecycle.terminationGracePeriodSeconds | default $sum | int -}}
{{- end -}}
