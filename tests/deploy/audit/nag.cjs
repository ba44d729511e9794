// cdk-nag's AwsSolutions over templates in their long form (JSON): nag.cjs OUT FILE...; OUT/validation-report.json says what it found.
const path = require('path');
const { App, Stack, Validations } = require('aws-cdk-lib');
const { CfnInclude } = require('aws-cdk-lib/cloudformation-include');
const { AwsSolutionsChecks } = require('cdk-nag');

const [out, ...files] = process.argv.slice(2);
const app = new App({ outdir: out });

Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
for (const file of files) {
  const stack = new Stack(app, path.basename(file, '.json'));
  new CfnInclude(stack, 'T', { templateFile: file });
}
try {
  app.synth();
} catch (error) {
  if (!/Validation failed/.test(error.message)) throw error; // the report has it
}
