"""What the three dashboards show. Each panel: kind, title in English and Chinese, width and height, queries, why."""


def dashboards(make):
    return {"operations": operations(make), "domain": domain(make), "alert-desk": alert_desk(make)}


def operations(make):
    p, job = make.panel, make.JOB
    green, yellow, red, blue = make.GREEN, make.YELLOW, make.RED, make.BLUE
    rate = "[$__rate_interval]"

    def quantile(q, metric):
        return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{job}}}{rate})))"

    return make.dashboard(
        "hazstream-operations", "hazstream · Operations 运行", "Is it healthy, where is the lag, what does it drop.",
        ["job"], [
            p("stat", "Replicas ready · 就绪副本", 4, 4, [(f"sum(hazstream_ready{{{job}}})", "")],
              "Replicas whose /readyz says yes. None: nobody watches.", levels=(red, (1, green)),
              runbook="HazstreamNotReady"),
            p("stat", "Conservation difference · 守恒差", 4, 4,
              [(f"sum(abs(hazstream_conservation_difference{{{job}}}))", "")],
              "consumed − (counted + duplicate + rejected + held), over all partitions. Anything but 0 is a defect.",
              levels=(green, (1, red)), runbook="HazstreamConservationBroken"),
            p("stat", "End to end, p99 · 端到端时延 p99", 4, 4, [(quantile(0.99, "hazstream_end_to_end_seconds"), "")],
              "From an event's arrival to the commit of what was judged of it. Objective: 99 % within 1 s; yellow from half of it.",
              unit="s", levels=(green, (0.5, yellow), (1, red)), runbook="HazstreamLatencyBudgetBurn"),
            p("stat", "Records waiting · 待处理记录", 4, 4, [(f"sum(hazstream_lag_records{{{job}}})", "")],
              "Records of all inputs still to be read. 10,000 are what a restart leaves; 100,000 are minutes.",
              levels=(green, (10000, yellow), (100000, red)), runbook="HazstreamLagGrowing"),
            p("stat", "Event clock behind · 事件时钟滞后", 4, 4,
              [(f"max(hazstream_event_clock_age_seconds{{{job}}})", "")],
              "The worst tallies partition. 40 s are usual (disorder allowed + idle time); beyond 5 minutes nothing falls silent, is overdue or resolves.",
              unit="s", levels=(green, (70, yellow), (300, red)), runbook="HazstreamEventClockHeld"),
            p("stat", "Versions · 版本数", 2, 4, [(f"count(count by (version) (hazstream_build_info{{{job}}}))", "")],
              "More than one outside an upgrade: a rollout has stopped.", levels=(green, (2, yellow)),
              runbook="HazstreamVersionSkew"),
            p("stat", "Configs · 配置数", 2, 4,
              [(f"count(count by (rules, taxonomy, settings) (hazstream_config_info{{{job}}}))", "")],
              "Different rules, taxonomies or settings in force. More than one: an alert depends on who owns the county.",
              levels=(green, (2, yellow)), runbook="HazstreamConfigSkew"),
            p("timeseries", "Events read per second · 每秒读取事件", 8, 7,
              [(f"sum by (input) (rate(hazstream_consumed_total{{{job}}}{rate}))", "{{input}}")],
              "By input. An input that falls to zero: its supplier, or its partitions have no owner.", unit="ops"),
            p("timeseries", "End-to-end latency · 端到端时延", 8, 7,
              [(quantile(0.5, "hazstream_end_to_end_seconds"), "p50"), (quantile(0.99, "hazstream_end_to_end_seconds"), "p99")],
              "The line is the objective, 1 s. After an outage it stands high until the backlog is gone.",
              unit="s", levels=(green, (1, red)), runbook="HazstreamLatencyBudgetBurn"),
            p("timeseries", "Records waiting by input · 各输入积压", 8, 7,
              [(f"sum by (input) (hazstream_lag_records{{{job}}})", "{{input}}"),
               (f"sum(hazstream_tallies_lag_records{{{job}}})", "tallies")],
              "tallies: counted, but not yet judged.", runbook="HazstreamBehind"),
            p("timeseries", "Watermark behind the clock · 水位线滞后", 8, 7,
              [(f"max by (input) (hazstream_watermark_age_seconds{{{job}}})", "{{input}}")],
              "The worst partition of each input; the line is 15 minutes. Late uploaders alone in a partition hold it too.",
              unit="s", levels=(green, (900, red)), runbook="HazstreamWatermarkStuck"),
            p("timeseries", "Commit time · 提交耗时", 8, 7,
              [(quantile(0.5, "hazstream_commit_seconds"), "p50"), (quantile(0.99, "hazstream_commit_seconds"), "p99")],
              "10 ms are usual on a near broker, 100 ms on three of them; the line is 1 s.",
              unit="s", levels=(green, (1, red)), runbook="HazstreamCommitSlow"),
            p("timeseries", "Transactions per second · 每秒事务", 8, 7,
              [(f"sum by (result) (rate(hazstream_transactions_total{{{job}}}{rate}))", "{{result}}")],
              "Other than committed: done again from the committed offsets. Nothing is lost, all comes later.",
              unit="ops", runbook="HazstreamCommitFailing"),
            p("timeseries", "Dead letters per second · 每秒死信", 8, 7,
              [(f"sum by (reason) (rate(hazstream_rejects_total{{{job}}}{rate}))", "{{reason}}")],
              "By reason. They are in hazard.rejects, whole.", unit="ops", runbook="HazstreamDeadLetters"),
            p("timeseries", "Dropped by a limit, per second · 限额丢弃", 8, 7,
              [(f"sum by (limit) (rate(hazstream_limit_dropped_total{{{job}}}{rate}))", "{{limit}}"),
               (f"sum(rate(hazstream_clock_quarantined_total{{{job}}}{rate}))", "clock quarantine · 时钟隔离")],
              "windows.horizon is no fault: too late for a short window, it counts in the longer ones. Any other limit is one to raise, or a flood to stop.",
              unit="ops", runbook="HazstreamLimitDrops"),
            p("timeseries", "Late events per second · 每秒迟到事件", 8, 7,
              [(f"sum(rate(hazstream_late_seconds_count{{{job}}}{rate}))", "late · 迟到"),
               (f"sum(rate(hazstream_events_total{{{job},outcome=\"duplicate\"}}{rate}))", "duplicate · 重复")],
              "Both are normal data: mines and phones upload late, gateways repeat. A step up is news.", unit="ops"),
            p("bargauge", "Unwatched within a day · 一日内无人值守", 8, 7,
              [(f"(max by (region, reason) (hazard_unwatched_seconds_total{{{job}}})"
                f" - min by (region, reason) (min_over_time(hazard_unwatched_seconds_total{{{job}}}[1d])))" + make.NAMED,
                "{{name_zh}} {{reason}}")],
              "By county: no_task, nothing was judged in time (objective 0.1 %, 86 s a day); silent, too few sources (1 %, 864 s a day).",
              unit="s", levels=(green, (86, yellow), (864, red)), runbook="HazstreamCountyUnwatched"),
            p("timeseries", "Partitions owned · 持有分区", 8, 7,
              [(f"sum by (instance) (hazstream_assigned_partitions{{{job}}})", "{{instance}}")],
              "By replica: uneven or falling means that the group does not come to rest.", runbook="HazstreamRebalancing"),
            p("timeseries", "Last restore · 最近一次恢复", 8, 7,
              [(f"max by (instance) (hazstream_restore_seconds{{{job}}})", "{{instance}}")],
              "How long each replica's last restore took; the line is 5 minutes.", unit="s",
              levels=(green, (300, red)), runbook="HazstreamRestoreSlow"),
        ], "now-3h")


def domain(make):
    p, job, county, named, count = make.panel, make.JOB, make.COUNTY, make.NAMED, make.count
    green, yellow, orange, red, blue = make.GREEN, make.YELLOW, make.ORANGE, make.RED, make.BLUE
    city = f'{job},region_level="city",window="$window"'

    def total(measure):
        return f'max(hazard_window_count{{{city},sector="$sector",measure="{measure}"}})'

    # A county that has none has no series: 0 by the counties that are known.
    open_major = (f'(sum by (region) (hazard_open_hazards{{{job},region=~"$region",grade="major"}})'
                  f' or 0 * max by (region) (hazard_region_info{{{county}}}))')
    coverage = f'min by (region) (hazard_coverage_ratio{{{county},sector="all"}})'
    return make.dashboard(
        "hazstream-domain", "hazstream · Domain 会商", "For the weekly meeting (会商): counts, trends, open major hazards, coverage, levels.",
        ["job", "region", "sector", "window", "measure"], [
            p("stat", "Open major hazards · 未销号重大隐患", 5, 4,
              [(f'sum(hazard_open_hazards{{{job},grade="major"}}) or vector(0)', "")],
              "Found and not closed, whole city. One is somebody's task; the aim is dynamic zero (动态清零).",
              levels=(green, (1, orange), (10, red))),
            p("stat", "Major found · 新发现重大隐患", 5, 4, [(total("hazards_found_major"), "")],
              "Within the window chosen, whole city. 2.3 a day are usual.", levels=(green, (1, yellow), (10, red))),
            p("stat", "Inspections · 检查次数", 5, 4, [(total("inspections"), "")],
              "Within the window chosen, whole city. Few inspections make few hazards found: read the two together."),
            p("stat", "Lowest coverage · 最低在线率", 5, 4, [(f'min(hazard_coverage_ratio{{{job},region_level="county",sector="all"}})', "")],
              "The county of which the smallest share of sensors is heard. Below 95 % it is unknown: its silence is not safety.",
              unit="percentunit", levels=(red, (0.95, yellow), (0.99, green)), runbook="HazstreamSourcesSilent", decimals=1),
            p("stat", "Red alerts · 红色预警", 4, 4,
              [(f'sum(hazard_alerts{{{job},level="red",status=~"firing|acknowledged"}}) or vector(0)', "")],
              "Firing or acknowledged.", levels=(green, (1, red))),
            make.table("Counties · 区县情况", 24, 8, [
                (open_major + named, "Open major · 未销号重大", "short", (green, (1, orange), (5, red))),
                (count("hazards_found_major") + named, "Major found · 新增重大", "short", (green, (1, yellow), (3, red))),
                (count("hazards_closed_major") + named, "Major closed · 销号重大", "short", None),
                (count("hazards_found") + named, "Found · 发现隐患", "short", None),
                (count("inspections") + named, "Inspections · 检查", "short", None),
                (coverage + named, "Coverage · 在线率", "percentunit", (red, (0.95, yellow), (0.99, green))),
            ], "Within the window and sector chosen. Three major hazards in one county and sector within a day raise a red alert. "
               "Coverage is over all sectors: below 95 % the other figures of the row are a lower bound."),
            p("timeseries", "Trend by county · 区县趋势", 12, 8, [(count("$measure") + named, "{{name_zh}} {{name_en}}")],
              "The measure chosen over the sliding window chosen: each point is a whole window that ends there."),
            p("timeseries", "Alarm levels · 报警等级趋势", 12, 8,
              [(f'max by (measure) (hazard_window_count{{{city},sector="$sector",measure=~"alarms_.+"}})', "{{measure}}")],
              "Sensor alarms of the whole city by level over the window chosen."),
            p("bargauge", "By sector · 分行业", 8, 8,
              [(f'max by (sector) (hazard_window_count{{{city},sector!="all",measure="$measure"}})', "{{sector}}")],
              "The measure chosen, whole city. Sectors contain each other: don't add them."),
            p("bargauge", "By window · 各窗口", 8, 8,
              [(f'max by (window) (hazard_window_count{{{job},region_level="city",sector="$sector",measure="$measure"}})', "{{window}}")],
              "The measure chosen over each sliding window: a short one that is large beside a long one is a surge."),
            p("bargauge", "Coverage by county · 区县在线率", 8, 8, [(coverage + named, "{{name_zh}} {{name_en}}")],
              "Sensors heard ÷ expected. Below 95 % a county is unknown; 99 % is the objective.",
              unit="percentunit", levels=(red, (0.95, yellow), (0.99, green)), runbook="HazstreamSourcesSilent", decimals=1),
        ], "now-7d")


def alert_desk(make):
    p, job, named = make.panel, make.JOB, make.NAMED
    green, yellow, orange, red, blue = make.GREEN, make.YELLOW, make.ORANGE, make.RED, make.BLUE
    here = f'{job},region=~"$region"'

    def standing(status):
        return f'sum(hazard_alerts{{{here},status="{status}"}}) or vector(0)'

    def by_county(level):
        return (f'sum by (region) (hazard_alerts{{{here},level="{level}",status=~"firing|acknowledged|unknown"}})' + named)

    return make.dashboard(
        "hazstream-alert-desk", "hazstream · Alert desk 预警值班", "What stands, what is unknown, how old it is, and whether it is too much.",
        ["job", "region"], [
            p("stat", "Firing · 报警中", 4, 4, [(standing("firing"), "")], "Nobody has taken notice of these yet.",
              levels=(green, (1, orange), (10, red))),
            p("stat", "Acknowledged · 已确认", 4, 4, [(standing("acknowledged"), "")], "Somebody is at work on these."),
            p("stat", "Unknown · 状态未知", 4, 4, [(standing("unknown"), "")],
              "Their sources are silent: nobody knows whether they are over. Silence is not safety.",
              levels=(green, (1, yellow)), runbook="HazstreamSourcesSilent"),
            p("stat", "Pending · 待定", 4, 4, [(standing("pending"), "")], "The condition holds, but not yet for long enough."),
            p("stat", "Oldest firing · 最久未确认", 4, 4,
              [(f'max(hazard_alert_oldest_seconds{{{here},status="firing"}}) or vector(0)', "")],
              "The oldest alert that nobody has acknowledged. Yellow from half an hour, red from a day.",
              unit="s", levels=(green, (1800, yellow), (86400, red))),
            p("stat", "New in 10 minutes · 十分钟新增", 4, 4,
              [(f'sum(increase(hazstream_alert_transitions_total{{{job},status="firing"}}[10m]))', "")],
              "More than ten are more than one officer can take in (ISA-18.2, EEMUA 191).",
              levels=(green, (5, yellow), (10, red)), runbook="HazstreamAlertFlood", decimals=0),
            make.table("By county and level · 区县与等级", 12, 8, [
                (by_county("red"), "Red · 红", "short", (green, (1, red))),
                (by_county("orange"), "Orange · 橙", "short", (green, (1, orange))),
                (by_county("yellow"), "Yellow · 黄", "short", (green, (1, yellow))),
            ], "Alerts that stand: firing, acknowledged or unknown. A county without a row has none."),
            p("bargauge", "Age of the oldest · 最久预警时长", 12, 8,
              [(f'max by (level, status) (hazard_alert_oldest_seconds{{{here}}})', "{{level}} {{status}}")],
              "For how long the oldest of each level and status has stood, by the clock of the log.",
              unit="s", levels=(green, (1800, yellow), (86400, red))),
            p("timeseries", "Standing by status · 各状态预警数", 12, 8,
              [(f"sum by (status) (hazard_alerts{{{here}}})", "{{status}}")],
              "Firing that only grows: alerts that nobody takes, or a rule that does not clear."),
            p("timeseries", "Load: new alerts in 10 minutes · 值班负荷", 12, 8,
              [(f'sum(increase(hazstream_alert_transitions_total{{{job},status="firing"}}[10m]))', "firing · 新增"),
               (f'sum(increase(hazstream_alert_transitions_total{{{job},status="resolved"}}[10m]))', "resolved · 解除")],
              "The line is ten in ten minutes: the most that one operator can handle (ISA-18.2, EEMUA 191).",
              levels=(green, (10, red)), runbook="HazstreamAlertFlood"),
            p("timeseries", "Standing by level · 各等级预警数", 12, 8,
              [(f'sum by (level) (hazard_alerts{{{here},status=~"firing|acknowledged|unknown"}})', "{{level}}")],
              "Red, orange, yellow, blue."),
            p("timeseries", "Silent gateways · 失联网关", 12, 8,
              [(f"sum by (input) (hazard_silent_gateways{{{job}}})", "{{input}}")],
              "Gateways of which no sensor is heard; /api/v1/sources names them.", runbook="HazstreamGatewaysSilent"),
        ], "now-12h")
