{{/* Combinations that cannot work, each refused with what to do. Types and unknown keys are the schema's. */}}
{{- define "hazstream.validate" -}}
{{- $wrong := list -}}
{{- $kafka := .Values.kafka -}}
{{- $settings := .Values.settings -}}
{{- $partitions := include "hazstream.setting" (list . "topics.partitions") | int -}}
{{- $workers := include "hazstream.setting" (list . "workers") | int -}}
{{- if not $kafka.bootstrapServers -}}
{{- $wrong = append $wrong "kafka.bootstrapServers is empty: name your brokers, for example --set kafka.bootstrapServers=kafka:9092" -}}
{{- end -}}
{{- range $server := splitList "," $kafka.bootstrapServers -}}
{{- if and $server (not (regexMatch "^\\s*\\S+:[0-9]{1,5}\\s*$" $server)) -}}
{{- $wrong = append $wrong (printf "kafka.bootstrapServers: %q has no port: write HOST:PORT, the network policy opens that port" $server) -}}
{{- end -}}
{{- end -}}
{{- if and $kafka.sasl.mechanism (not $kafka.sasl.existingSecret) -}}
{{- $wrong = append $wrong (printf "kafka.sasl.mechanism is %s but kafka.sasl.existingSecret is empty: name a Secret with the keys %s and %s" $kafka.sasl.mechanism $kafka.sasl.usernameKey $kafka.sasl.passwordKey) -}}
{{- end -}}
{{- if and $kafka.sasl.existingSecret (not $kafka.sasl.mechanism) -}}
{{- $wrong = append $wrong "kafka.sasl.existingSecret is set but kafka.sasl.mechanism is empty: say SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN, or the Secret is not used" -}}
{{- end -}}
{{- if and (eq $kafka.sasl.mechanism "PLAIN") (not $kafka.tls.enabled) -}}
{{- $wrong = append $wrong "kafka.sasl.mechanism PLAIN without kafka.tls.enabled sends the password in the clear: enable TLS, or use SCRAM" -}}
{{- end -}}
{{- if and $kafka.tls.existingSecret (not $kafka.tls.enabled) -}}
{{- $wrong = append $wrong "kafka.tls.existingSecret is set but kafka.tls.enabled is false: enable it, or the Secret is not used" -}}
{{- end -}}
{{- if ne (empty $kafka.tls.certKey) (empty $kafka.tls.keyKey) -}}
{{- $wrong = append $wrong "kafka.tls.certKey and kafka.tls.keyKey go together: set both for a client certificate, or neither" -}}
{{- end -}}
{{- if and $kafka.tls.certKey (not $kafka.tls.existingSecret) -}}
{{- $wrong = append $wrong "kafka.tls.certKey is a key of kafka.tls.existingSecret, which is empty: name the Secret" -}}
{{- end -}}
{{- range $group := list "properties" "consumer_properties" "producer_properties" -}}
{{- range $name, $value := (get ($settings.kafka | default dict) $group | default dict) -}}
{{- if regexMatch "(?i)password|secret|jaas|ssl\\.key|oauthbearer\\.config|assertion|token|private|credential" $name -}}
{{- $wrong = append $wrong (printf "settings.kafka.%s: %s is a secret and would stand readable in a ConfigMap: put it into a Secret, and name that in kafka.sasl or kafka.tls, or in extraEnv" $group $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $variable := .Values.extraEnv -}}
{{- if has $variable.name (list "HAZSTREAM_CONFIG" "HAZSTREAM_KAFKA_INSTANCE" "HAZSTREAM_HTTP_LISTEN" "HAZSTREAM_RULES_FILE" "HAZSTREAM_TAXONOMY_DIR") -}}
{{- $wrong = append $wrong (printf "extraEnv: %s is set by the chart: remove it" $variable.name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rules.text .Values.rules.existingConfigMap -}}
{{- $wrong = append $wrong "rules.text and rules.existingConfigMap are both set: keep one" -}}
{{- end -}}
{{- if and .Values.taxonomy.files .Values.taxonomy.existingConfigMap -}}
{{- $wrong = append $wrong "taxonomy.files and taxonomy.existingConfigMap are both set: keep one" -}}
{{- end -}}
{{- if and (not .Values.keda.enabled) (gt (mul .Values.replicaCount $workers | int) $partitions) -}}
{{- $wrong = append $wrong (printf "replicaCount %d times settings.workers %d is more than settings.topics.partitions %d: the rest would have nothing to do" (int .Values.replicaCount) $workers $partitions) -}}
{{- end -}}
{{- with .Values.keda -}}
{{- if and .enabled (gt (int .maxReplicas) $partitions) -}}
{{- $wrong = append $wrong (printf "keda.maxReplicas %d is more than settings.topics.partitions %d: the rest would have nothing to do" (int .maxReplicas) $partitions) -}}
{{- end -}}
{{- if and .enabled (gt (int .minReplicas) (.maxReplicas | default $partitions | int)) -}}
{{- $wrong = append $wrong (printf "keda.minReplicas %d is more than the most replicas, %d" (int .minReplicas) (.maxReplicas | default $partitions | int)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.monitoring -}}
{{- if and .serviceMonitor.enabled .podMonitor.enabled -}}
{{- $wrong = append $wrong "monitoring.serviceMonitor and monitoring.podMonitor are both enabled: everything would be counted twice, keep one" -}}
{{- end -}}
{{- end -}}
{{- if and (or (eq .Values.topics.manage "strimzi") .Values.strimzi.user) (not .Values.strimzi.cluster) -}}
{{- $wrong = append $wrong "strimzi.cluster is empty: name the Kafka object that topics and user belong to" -}}
{{- end -}}
{{- $grace := .Values.lifecycle.terminationGracePeriodSeconds | int -}}
{{- if and $grace (le $grace (.Values.lifecycle.preStopSeconds | int)) -}}
{{- $wrong = append $wrong (printf "lifecycle.terminationGracePeriodSeconds %d is not longer than lifecycle.preStopSeconds %d: no time would be left for the last commit" $grace (.Values.lifecycle.preStopSeconds | int)) -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n\n  %s\n" (join "\n  " $wrong)) -}}
{{- end -}}
{{- end -}}
