-- approximate
SELECT f_RemoteAddress AS Remote, count(*) AS Connections, approx_count_distinct(DeviceId) AS Devices
FROM raw_event WHERE RawEventName = 'ConnectionCreate' AND TimeGenerated > {now} - 6048000000000
GROUP BY Remote ORDER BY Connections DESC LIMIT 50
