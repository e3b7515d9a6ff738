/** Private subnets for Aurora, which must be in some. No NAT: the functions stay outside and use the RDS Data API. */
export const vpc = new sst.aws.Vpc("Vpc");
