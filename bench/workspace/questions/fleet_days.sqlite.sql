SELECT TimeGenerated / 864000000000 AS Day, count(*) AS Events, count(DISTINCT DeviceId) AS Devices
FROM raw_event GROUP BY Day
