SELECT (EventDetails->>'$.Executable') AS Executable, (EventDetails->>'$.UserName') AS UserName,
  count(*) AS Runs, max(TimeStamp), json_group_array(DISTINCT (EventDetails->>'$.ExtraDetails.Cwd'))
FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ProcessCreate'
GROUP BY 1, 2 ORDER BY Runs DESC
