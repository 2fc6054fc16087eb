WITH logins AS MATERIALIZED (
  SELECT (EventDetails->>'$.TimestampLocal') AS TimestampLocal, (EventDetails->>'$.UserName') AS UserName,
    (EventDetails->>'$.Executable') AS LoginHandler, (EventDetails->>'$.RemoteAddress') AS RemoteAddress,
    (EventDetails->>'$.Result') AS Result
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'Login'
    AND instr(lower(EventDetails), 'remoteaddress') > 0
    AND instr(lower(EventDetails), '"remoteaddress":"127.0.0.1"') = 0
    AND instr(lower(EventDetails), '"username":"(invalid user)"') = 0
    AND instr(lower(EventDetails), '"username":"(unknown user)"') = 0)
SELECT UserName, Result, LoginHandler, count(*) AS CntLoginAttempts, min(TimestampLocal), max(TimestampLocal),
  count(DISTINCT RemoteAddress) AS CntIPAddress, json_group_array(DISTINCT RemoteAddress)
FROM logins GROUP BY UserName, Result, LoginHandler
