-- approximate
WITH logins AS (
  SELECT TimeStamp, f_UserName AS UserName,
    f_Executable AS LoginHandler, f_RemoteAddress AS RemoteAddress,
    f_Result AS Result
  FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'Login'
    AND f_RemoteAddress <> '127.0.0.1' AND lower(f_UserName) NOT IN ('(invalid user)', '(unknown user)'))
SELECT UserName, Result, LoginHandler, count(*) AS CntLoginAttempts,
  min(TimeStamp) AS MinObservedTime, max(TimeStamp) AS MaxObservedTime,
  approx_count_distinct(RemoteAddress) AS CntIPAddress, list(DISTINCT RemoteAddress)[:128] AS IPAddress
FROM logins GROUP BY ALL
