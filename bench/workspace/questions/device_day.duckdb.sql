SELECT RawEventName, count(*) AS Events, min(TimeStamp) AS "First", max(TimeStamp) AS "Last"
FROM raw_event WHERE DeviceId = '{device}' AND TimeGenerated > {now} - 864000000000
GROUP BY RawEventName
