SELECT RawEventName, count(*) AS Events, min(TimeStamp), max(TimeStamp)
FROM raw_event WHERE DeviceId = '{device}' AND TimeGenerated > {now} - 864000000000
GROUP BY RawEventName
