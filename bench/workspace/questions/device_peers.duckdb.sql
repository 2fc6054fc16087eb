SELECT f_RemoteAddress AS Remote, f_RemotePort AS Port,
  count(*) AS Connections,
  CAST(sum(CAST((EventDetails->>'$.ExtraDetails.BytesSent') AS BIGINT)) AS BIGINT) AS Sent, max(TimeStamp) AS "Last"
FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ConnectionCreate'
GROUP BY 1, 2
