SELECT f_Executable AS Executable, f_UserName AS UserName,
  count(*) AS Runs, max(TimeStamp) AS "Last", list(DISTINCT (EventDetails->>'$.ExtraDetails.Cwd')) AS Folders
FROM raw_event WHERE DeviceId = '{device}' AND RawEventName = 'ProcessCreate'
GROUP BY 1, 2 ORDER BY Runs DESC
