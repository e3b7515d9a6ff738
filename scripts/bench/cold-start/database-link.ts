/** The database's link out of the environment, as `Resource.Database` has it. */
const { clusterArn, secretArn, database } = JSON.parse(process.env.SST_RESOURCE_Database ?? "{}");

export const databaseLink: { readonly resourceArn: string; readonly secretArn: string; readonly database: string } = {
  resourceArn: clusterArn,
  secretArn,
  database,
};
