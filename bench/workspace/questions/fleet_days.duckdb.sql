-- approximate
SELECT TimeGenerated // 864000000000 AS Day, count(*) AS Events, approx_count_distinct(DeviceId) AS Devices
FROM raw_event GROUP BY Day
