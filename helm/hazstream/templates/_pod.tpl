{{/* What every pod of the chart has in common: pods that run, and those that check, make topics or test. */}}

{{/* Pod Security `restricted`, to the letter. */}}
{{- define "hazstream.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "hazstream.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "hazstream.env" -}}
- name: HAZSTREAM_CONFIG
  value: /etc/hazstream/settings/hazstream.yaml
- name: HAZSTREAM_KAFKA_INSTANCE
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Who we are, for pods that speak to the brokers; checking needs none of it. */}}
{{- define "hazstream.login" -}}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
- name: HAZSTREAM_KAFKA_PROPERTIES_SASL_USERNAME
  {{- if .username }}
  value: {{ .username | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .usernameKey }}
  {{- end }}
- name: HAZSTREAM_KAFKA_PROPERTIES_SASL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Folders are mounted whole, never by subPath: only so does a changed ConfigMap reach a running pod. */}}
{{- define "hazstream.volumeMounts" -}}
- name: settings
  mountPath: /etc/hazstream/settings
  readOnly: true
{{- if include "hazstream.rulesConfigMap" . }}
- name: rules
  mountPath: /etc/hazstream/rules
  readOnly: true
{{- end }}
{{- if include "hazstream.taxonomyConfigMap" . }}
- name: taxonomy
  mountPath: /etc/hazstream/taxonomy
  readOnly: true
{{- end }}
{{- end -}}

{{- define "hazstream.tlsMount" -}}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.existingSecret }}
- name: tls
  mountPath: /etc/hazstream/tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* (list . "-check") gives the volumes of a hook, whose ConfigMaps are the new ones. */}}
{{- define "hazstream.volumes" -}}
{{- $suffix := index . 1 -}}
{{- with index . 0 -}}
{{- $name := include "hazstream.fullname" . -}}
- name: settings
  configMap:
    name: {{ ternary (printf "%s%s" $name $suffix) (printf "%s-settings" $name) (ne $suffix "") }}
    items:
      - key: hazstream.yaml
        path: hazstream.yaml
{{- if include "hazstream.rulesConfigMap" . }}
- name: rules
  configMap:
    {{- if and $suffix (not .Values.rules.existingConfigMap) }}
    name: {{ $name }}{{ $suffix }}
    {{- else }}
    name: {{ include "hazstream.rulesConfigMap" . }}
    {{- end }}
    items:
      - key: rules.yaml
        path: rules.yaml
{{- end }}
{{- if include "hazstream.taxonomyConfigMap" . }}
- name: taxonomy
  configMap:
    {{- if and $suffix (not .Values.taxonomy.existingConfigMap) }}
    name: {{ $name }}{{ $suffix }}-taxonomy
    {{- else }}
    name: {{ include "hazstream.taxonomyConfigMap" . }}
    {{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "hazstream.tlsVolume" -}}
{{- if and .Values.kafka.tls.enabled .Values.kafka.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ .Values.kafka.tls.existingSecret }}
{{- end }}
{{- end -}}

{{- define "hazstream.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A Job that Helm waits for before it touches anything else: (list . "check" "-5" (list "check")). */}}
{{- define "hazstream.hookJob" -}}
{{- $part := index . 1 -}}
{{- $weight := index . 2 -}}
{{- $args := index . 3 -}}
{{- $speaks := ne $part "check" -}}
{{- with index . 0 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "hazstream.fullname" . }}-{{ $part }}
  labels:
    {{- include "hazstream.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $part }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ $weight | quote }}
    # One that failed stays, for its log.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: {{ ternary 0 3 (eq $part "check") }}
  activeDeadlineSeconds: 300
  template:
    metadata:
      labels:
        {{- include "hazstream.selectorLabels" . | nindent 8 }}
        app.kubernetes.io/component: {{ $part }}
    spec:
      restartPolicy: Never
      # The release's own account is not there yet.
      serviceAccountName: default
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        {{- include "hazstream.podSecurityContext" . | nindent 8 }}
      {{- with include "hazstream.placement" . }}
      {{- . | nindent 6 }}
      {{- end }}
      containers:
        - name: {{ $part }}
          image: {{ include "hazstream.image" . }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          args: {{ toJson $args }}
          env:
            {{- include "hazstream.env" . | nindent 12 }}
            {{- if $speaks }}{{ include "hazstream.login" . | nindent 12 }}{{ end }}
          securityContext:
            {{- include "hazstream.securityContext" . | nindent 12 }}
          resources:
            requests:
              cpu: 50m
              memory: 64Mi
            limits:
              memory: 64Mi
          volumeMounts:
            {{- include "hazstream.volumeMounts" . | nindent 12 }}
            {{- if $speaks }}{{ include "hazstream.tlsMount" . | nindent 12 }}{{ end }}
      volumes:
        {{- include "hazstream.volumes" (list . "-next") | nindent 8 }}
        {{- if $speaks }}{{ include "hazstream.tlsVolume" . | nindent 8 }}{{ end }}
{{- end -}}
{{- end -}}
