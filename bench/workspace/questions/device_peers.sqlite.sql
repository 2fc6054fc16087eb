SELECT (EventDetails->>'$.RemoteAddress') AS Remote, (EventDetails->>'$.RemotePort') AS Port,
  count(*) AS Connections, sum(CAST((EventDetails->>'$.ExtraDetails.BytesSent') AS INTEGER)) AS Sent, max(TimeStamp)
FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ConnectionCreate'
GROUP BY 1, 2
