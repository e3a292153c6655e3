// Lambda's part for the CDK's AwsCustomResource: imports the handler, hands it one event, tells how much memory it took.
const fs = require("fs");
const path = require("path");

const handler = "node_modules/aws-cdk-lib/custom-resource-handlers/dist/custom-resources/aws-custom-resource-handler";
const { handler: handle } = require(path.join(__dirname, handler, "index.js"));

// The handler calls port 443, whatever the ResponseURL says.
const https = require("https");
const request = https.request;
https.request = (options, callback) => request({ ...options, port: new URL(event.ResponseURL).port }, callback);

const event = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
handle(event, { logStreamName: "log-stream", getRemainingTimeInMillis: () => 300000 }).then(() => {
  fs.writeFileSync(process.argv[3], fs.readFileSync("/proc/self/status", "utf8"));
  // Lambda would freeze the process; connections that the SDK keeps open would keep it alive.
  process.exit();
});
